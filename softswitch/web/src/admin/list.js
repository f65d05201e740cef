// All objects of a kind.
import { html } from '../core/html.js';
import { number, t, tOr } from '../core/i18n.js';
import { go, link } from '../core/router.js';
import { Button, Card, Empty, Skeleton, Table } from '../ui/index.js';
import { StateOf, useReceivers } from './receiver.js';
import { kindText, NEW, useSite } from './site.js';

export default function List({ kind, who }) {
  const site = useSite();
  const told = useReceivers(kind);
  if (site.error) return html`<div class="page"><${Empty} text=${site.error.message} icon="alert" /></div>`;
  const names = site.names[kind];
  if (site.schema && !names) return html`<div class="page"><${Empty} text=${t('admin.no_kind', { kind })} icon="alert" /></div>`;
  const open = (row) => go(`/admin/${kind}/${encodeURIComponent(row.name)}`);
  const about = tOr(`admin.about.${kind}`, '');
  return html`<div class="page"><div class="page-head"><div><a class="soft" href=${link('/admin')}>${t('admin.nav')}</a><h1>${kindText(kind, 2)}</h1>${about && html`<p class="soft admin-about">${about}</p>`}</div>
      ${who.role === 'administrator' && html`<${Button} kind="primary" icon="plus" onClick=${() => open({ name: NEW })}>${t('admin.new', { kind: kindText(kind) })}<//>`}</div>
    <${Card}>${!names ? html`<${Skeleton} />` : html`<${Table} rows=${names} keyOf=${(row) => row.name} onRow=${open} empty=${t('admin.none_yet')} columns=${[
      { key: 'name', title: t('admin.name'), sort: (row) => row.name, cell: (row) => html`<a href=${link(`/admin/${kind}/${encodeURIComponent(row.name)}`)}><strong>${row.name}</strong></a>` },
      { key: 'title', title: t('admin.what'), sort: (row) => row.title },
      ...(Object.keys(told).length ? RECEIVER(told) : []),
    ]} />`}<//></div>`;
}

// What is to be seen of somebody outside at a glance.
const RECEIVER = (told) => [
  { key: 'state', title: t('admin.receiver'), cell: (row) => told[row.name] && html`<${StateOf} row=${told[row.name]} />` },
  { key: 'delivered', title: t('admin.receiver.delivered'), align: 'end', cell: (row) => number(told[row.name]?.delivered) },
  { key: 'dead', title: t('admin.receiver.dead'), align: 'end', cell: (row) => number(told[row.name]?.dead) },
];
