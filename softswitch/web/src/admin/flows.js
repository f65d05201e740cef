// The ways that calls take: one for each menu, with the numbers that lead there.
import { html } from '../core/html.js';
import { t } from '../core/i18n.js';
import { go } from '../core/router.js';
import { Button, Card, Empty, Skeleton, Table } from '../ui/index.js';
import { NEW, useSite } from './site.js';

export default function Flows({ who }) {
  const site = useSite();
  if (site.error) return html`<div class="page"><${Empty} text=${site.error.message} icon="alert" /></div>`;
  const open = (row) => go(`/admin/menu/${encodeURIComponent(row.name)}`);
  const numbers = (name) => (site.names.extension || []).filter((one) => one.title === `menu:${name}`).map((one) => one.name);
  return html`<div class="page"><div class="page-head"><div><h1>${t('admin.flows')}</h1><p class="soft admin-about">${t('admin.about.menu')}</p></div>
      ${who.role === 'administrator' && html`<${Button} kind="primary" icon="plus" onClick=${() => open({ name: NEW })}>${t('admin.flow.new')}<//>`}</div>
    <${Card}>${!site.schema ? html`<${Skeleton} />` : html`<${Table} rows=${site.names.menu} keyOf=${(row) => row.name} onRow=${open} empty=${t('admin.none_yet')} columns=${[
      { key: 'name', title: t('admin.name'), sort: (row) => row.name, cell: (row) => html`<strong>${row.name}</strong>` },
      { key: 'numbers', title: t('admin.flow.numbers'), cell: (row) => numbers(row.name).join(', ') || '–' },
    ]} />`}<//></div>`;
}
