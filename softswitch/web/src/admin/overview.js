// Everything that there is, and a copy of it.
import { html } from '../core/html.js';
import { t } from '../core/i18n.js';
import { link } from '../core/router.js';
import { Card, Empty, Icon, Skeleton } from '../ui/index.js';
import { FirstSteps } from './first.js';
import { GROUPS, kindText, NEW, SETTINGS, useSite } from './site.js';

export default function Overview({ who }) {
  const site = useSite();
  if (site.error) return html`<div class="page"><${Empty} text=${site.error.message} icon="alert" /></div>`;
  const other = site.schema ? Object.keys(site.schema.kinds).filter((kind) => !Object.values(GROUPS).flat().includes(kind)) : [];
  return html`<div class="page"><div class="page-head"><h1>${t('admin.title')}</h1>
      <span class="soft">${site.version ? t('admin.version', { version: site.version }) : ''}</span>
      ${who.role === 'administrator' && html`<a class="button" href="/api/backup" download><${Icon} name="download" /><span>${t('admin.backup')}</span></a>`}</div>
    <${FirstSteps} who=${who} />
    ${!site.schema ? html`<${Card}><${Skeleton} lines=${6} /><//>` : Object.entries(GROUPS).map(([group, kinds]) => html`
      <section key=${group} class="column"><h2>${t(`admin.group.${group}`)}</h2><div class="admin-kinds">
        ${[...kinds, ...(group === 'more' ? other : [])].filter((kind) => site.schema.kinds[kind]).map((kind) => html`<${Kind} key=${kind} kind=${kind} names=${site.names[kind] || []} edits=${who.role === 'administrator'} />`)}</div></section>`)}</div>`;
}

function Kind({ kind, names, edits }) {
  const address = kind === 'site' ? `/admin/site/${SETTINGS}` : `/admin/${kind}`;
  return html`<div class="admin-kind"><a href=${link(address)}><strong>${kindText(kind, 2)}</strong>
      <small class="soft truncate">${kind === 'site' ? '' : names.slice(0, 6).map((one) => one.name).join(', ') || t('admin.none_yet')}</small></a>
    ${kind !== 'site' && html`<span class="count">${names.length}</span>`}
    ${edits && kind !== 'site' && html`<a class="button small bare" href=${link(`/admin/${kind}/${encodeURIComponent(NEW)}`)} aria-label=${t('admin.new', { kind: kindText(kind) })}><${Icon} name="plus" size=${16} /></a>`}</div>`;
}
