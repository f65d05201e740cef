// Who did what and when; and, for administrators, the right to be forgotten.
import { html, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, t, tOr } from '../core/i18n.js';
import { Badge, Button, Card, Dialog, Field, Skeleton, Table, attempt } from '../ui/index.js';
import { rangeOf, rangeOptions, useFilters, usePages } from './paging.js';

const GROUPS = ['session.', 'recording.', 'voicemail.', 'supervision.', 'agent.', 'queue.', 'edit', 'config.', 'records.', 'security.'];

export default function Audit({ query, who }) {
  const [typed, change] = useFilters('/audit', query);
  const [erasing, erase] = useState(false);
  const list = usePages(async (before) => {
    const { range, ...which } = query;
    const found = await api.get(path('/api/audit', {}, { ...which, ...rangeOf(range), before: before || '', limit: 100 }));
    return { rows: found.audit, next: found.next };
  }, JSON.stringify(query));
  return html`<div class="page"><div class="page-head"><h1>${t('records.audit')}</h1>
      ${who.role === 'administrator' && html`<${Button} small icon="trash" onClick=${() => { erase(true); }}>${t('records.forget')}<//>`}</div>
    <${Card}><div class="records-filters">
      <${Field} label=${t('records.who')} kind="search" value=${typed.actor || ''} onChange=${(value) => change('actor', value)} />
      <${Field} label=${t('records.did')} kind="select" value=${typed.action || ''} onChange=${(value) => change('action', value, 0)}
        options=${[{ value: '', title: t('ui.all') }, ...GROUPS.map((value) => ({ value, title: t(`records.group.${value.replace('.', '')}`) }))]} />
      <${Field} label=${t('records.subject')} kind="search" value=${typed.subject || ''} onChange=${(value) => change('subject', value)} />
      <${Field} label=${t('records.when')} kind="select" value=${typed.range || ''} options=${rangeOptions()} onChange=${(value) => change('range', value, 0)} />
    </div></${Card}>
    <${Card} class=${`records-list ${list.stale ? 'records-stale' : ''}`}>${list.rows == null ? html`<${Skeleton} lines=${6} />` : html`
      <${Table} caption=${t('records.audit')} rows=${list.rows} keyOf=${(row) => row.seq} empty=${t('records.no_audit')} columns=${[
        { key: 'at', title: t('records.when'), cell: (row) => html`<span class="records-when">${dateTime(1000 * row.at)}</span>` },
        { key: 'actor', title: t('records.who'), cell: (row) => html`<strong>${row.actor}</strong>` },
        { key: 'action', title: t('records.did'), cell: (row) => html`<${Badge} state=${row.error || row.action === 'session.refused' ? 'alarm' : 'info'}>${tOr(`records.action.${row.action}`, row.action)}<//>` },
        { key: 'subject', title: t('records.subject'), cell: (row) => row.subject && html`<span class="records-long">${row.subject}</span>` },
        { key: 'detail', title: t('records.detail'), cell: (row) => (row.detail || row.error) && html`<span class="records-long">${row.detail}${row.error && html` <em class="records-error">${row.error}</em>`}</span>` },
        { key: 'source', title: t('records.source'), hide: 'narrow', cell: (row) => html`<span class="mono soft">${row.source}</span>` },
      ]} />
      ${list.more && html`<div class="records-more"><${Button} onClick=${list.more}>${t('ui.more')}<//></div>`}`}
    </${Card}>
    ${erasing && html`<${Erase} onClose=${() => erase(false)} onDone=${list.again} />`}</div>`;
}

function Erase({ onClose, onDone }) {
  const [number, set] = useState('');
  const [sure, ask] = useState(false);
  const [told, tell] = useState(null);
  const run = async () => {
    if (!sure) return ask(true);
    if (await attempt(async () => tell(await api.delete(path('/api/persons/{number}', { number }))))) onDone();
    else ask(false);
    return undefined;
  };
  return html`<${Dialog} title=${t('records.forget')} onClose=${onClose} actions=${told
    ? html`<${Button} onClick=${onClose}>${t('ui.close')}<//>`
    : html`<${Button} onClick=${onClose}>${t('ui.no')}<//><${Button} kind="danger" disabled=${number.replace(/\D/g, '').length < 7} onClick=${run}>${t(sure ? 'ui.delete' : 'records.forget')}<//>`}>
    ${told ? html`<p>${t('records.forgotten', told)}</p>${told.held > 0 && html`<p class="state-warn records-failed">${t('records.forgotten_held', { count: told.held })}</p>`}`
      : html`<p class="soft">${t('records.forget_text')}</p>
        ${sure ? html`<p class="state-alarm records-failed" role="alert">${t('records.forget_sure', { number })}</p>`
          : html`<${Field} label=${t('records.number')} kind="tel" value=${number} onChange=${set} placeholder="+48 600 100 200" />`}`}<//>`;
}
