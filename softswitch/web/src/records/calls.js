// Calls that are over: found by number, queue, agent, end, time, recording; the newest first.
import { html } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, duration, t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { go } from '../core/router.js';
import { Button, Card, Field, Icon, Skeleton, Table } from '../ui/index.js';
import { OUTCOMES, Outcome, Party, nameOf } from './names.js';
import { rangeOf, rangeOptions, useFilters, usePages } from './paging.js';

const FILTERS = ['number', 'queue', 'agent', 'outcome', 'recorded'];

export default function Calls({ query, who }) {
  const [typed, change] = useFilters('/calls', query);
  const queues = useLive('queues', (rows) => rows.map((one) => one.name)) || [];
  const agents = useLive('agents', (rows) => rows.map((one) => one.agent)) || [];
  const which = { ...Object.fromEntries(FILTERS.map((name) => [name, query[name]])), ...rangeOf(query.range, query) };
  const list = usePages(async (before) => {
    const found = await api.get(path('/api/records', {}, { ...which, before: before || '', limit: 50 }));
    return { rows: found.calls, next: found.next };
  }, JSON.stringify(query));
  const choice = (names, title = (name) => name) => [{ value: '', title: t('ui.all') }, ...names.map((value) => ({ value, title: title(value) }))];
  const file = (form) => path('/api/records/export', {}, { ...which, form });
  return html`<div class="page"><div class="page-head"><h1>${t('records.calls')}</h1>
      <a class="button small records-file" href=${file('csv')} download><${Icon} name="download" size=${16} /><span>CSV</span></a>
      <a class="button small records-file" href=${file('jsonl')} download><${Icon} name="download" size=${16} /><span>JSON</span></a></div>
    <${Card}><div class="records-filters">
      <${Field} label=${t('records.number')} kind="search" inputmode="tel" value=${typed.number || ''} onChange=${(value) => change('number', value)} placeholder="+48 600 100 200" />
      <${Field} label=${t('records.when')} kind="select" value=${typed.range || ''} options=${rangeOptions(query)} onChange=${(value) => change('range', value, 0)} />
      <${Field} label=${t('records.queue')} kind="select" value=${typed.queue || ''} options=${choice(queues)} onChange=${(value) => change('queue', value, 0)} />
      ${who.role !== 'agent' && html`<${Field} label=${t('records.agent')} kind="select" value=${typed.agent || ''} options=${choice(agents)} onChange=${(value) => change('agent', value, 0)} />`}
      <${Field} label=${t('records.ended_as')} kind="select" value=${typed.outcome || ''} options=${choice(OUTCOMES, (name) => t(`records.outcome.${name}`))} onChange=${(value) => change('outcome', value, 0)} />
      <${Field} label=${t('records.recorded')} kind="select" value=${typed.recorded || ''} onChange=${(value) => change('recorded', value, 0)}
        options=${[{ value: '', title: t('ui.all') }, { value: 'true', title: t('records.with_recording') }, { value: 'false', title: t('records.without_recording') }]} />
    </div></${Card}>
    <${Card} class=${`records-list ${list.stale ? 'records-stale' : ''}`}>${list.rows == null ? html`<${Skeleton} lines=${6} />` : html`
      <${Table} caption=${t('records.calls')} rows=${list.rows} keyOf=${(row) => row.call} empty=${t('records.no_calls')} onRow=${(row) => go(`/calls/${encodeURIComponent(row.call)}`)} columns=${[
        { key: 'started_at', title: t('records.began'), cell: (row) => html`<span class="records-when">${dateTime(1000 * row.started_at)}</span>` },
        { key: 'caller', title: t('records.from'), cell: (row) => html`<${Party} number=${row.caller} name=${nameOf(row)} />` },
        { key: 'dialled', title: t('records.to'), cell: (row) => html`<span class="mono">${row.dialled}</span>` },
        { key: 'queue', title: t('records.queue'), hide: 'narrow' },
        { key: 'agent', title: t('records.agent') },
        { key: 'outcome', title: t('records.ended_as'), cell: (row) => html`<${Outcome} call=${row} />` },
        { key: 'talk', title: t('records.talk'), align: 'end', cell: (row) => (row.talk_seconds ? duration(row.talk_seconds) : '') },
        { key: 'recorded', title: t('records.recorded'), cell: (row) => row.recorded && html`<span class="records-yes"><${Icon} name="volume" size=${18} label=${t('records.with_recording')} /></span>` },
      ]} />
      ${list.more && html`<div class="records-more"><${Button} onClick=${list.more}>${t('ui.more')}<//></div>`}`}
    </${Card}></div>`;
}
