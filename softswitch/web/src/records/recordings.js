// The library of recordings.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, duration, t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { go } from '../core/router.js';
import { Badge, Button, Card, Field, Icon, Skeleton, Table } from '../ui/index.js';
import { Party } from './names.js';
import { rangeOf, rangeOptions, useFilters, usePages } from './paging.js';

const PAGE = 50;

export function StateOf({ recording }) {
  if (recording.ended_at == null) return html`<${Badge} state="talk">${t('records.being_recorded')}<//>`;
  if (recording.deleted_at != null) return html`<${Badge} state="off">${t('records.deleted')}<//>`;
  if (recording.error) return html`<${Badge} state="alarm" title=${recording.error}>${t('records.broken')}<//>`;
  if (!recording.held && !recording.interrupted) return null;
  return html`<span class="row records-tight">${recording.held && html`<${Badge} state="warn" icon="pause">${t('records.held')}<//>`}${recording.interrupted && html`<${Badge} state="warn">${t('records.interrupted')}<//>`}</span>`;
}

export const Tags = ({ tags }) => html`<span class="records-tags">${tags.map((one) => html`<span key=${one} class="records-tag">${one}</span>`)}</span>`;

export default function Recordings({ query, who }) {
  const [typed, change] = useFilters('/recordings', query);
  const [tags, setTags] = useState([]);
  const queues = useLive('queues', (rows) => rows.map((one) => one.name)) || [];
  const agents = useLive('agents', (rows) => rows.map((one) => one.agent)) || [];
  useEffect(() => { api.get('/api/recordings/tags').then((found) => setTags(Object.keys(found)), () => {}); }, []);
  const list = usePages(async (before) => {
    const { range, ...which } = query;
    const rows = await api.get(path('/api/recordings', {}, { ...which, ...rangeOf(range), before: before || '', limit: PAGE }));
    return { rows, next: rows.length === PAGE ? rows[rows.length - 1].recording : null };
  }, JSON.stringify(query));
  const choice = (names) => [{ value: '', title: t('ui.all') }, ...names.map((value) => ({ value, title: value }))];
  return html`<div class="page"><div class="page-head"><h1>${t('records.recordings')}</h1></div>
    <${Card}><div class="records-filters">
      <${Field} label=${t('records.caller')} kind="search" inputmode="tel" value=${typed.caller || ''} onChange=${(value) => change('caller', value)} placeholder="+48 600 100 200" />
      <${Field} label=${t('records.when')} kind="select" value=${typed.range || ''} options=${rangeOptions()} onChange=${(value) => change('range', value, 0)} />
      <${Field} label=${t('records.queue')} kind="select" value=${typed.queue || ''} options=${choice(queues)} onChange=${(value) => change('queue', value, 0)} />
      ${who.role !== 'agent' && html`<${Field} label=${t('records.agent')} kind="select" value=${typed.agent || ''} options=${choice(agents)} onChange=${(value) => change('agent', value, 0)} />`}
      <${Field} label=${t('records.tag')} kind="select" value=${typed.tag || ''} options=${choice(tags)} onChange=${(value) => change('tag', value, 0)} />
      <${Field} label=${t('records.in_note')} kind="search" value=${typed.text || ''} onChange=${(value) => change('text', value)} />
    </div></${Card}>
    <${Card} class=${`records-list ${list.stale ? 'records-stale' : ''}`}>${list.rows == null ? html`<${Skeleton} lines=${6} />` : html`
      <${Table} caption=${t('records.recordings')} rows=${list.rows} keyOf=${(row) => row.recording} empty=${t('records.no_recordings')} onRow=${(row) => go(`/recordings/${row.recording}`)} columns=${[
        { key: 'started_at', title: t('records.began'), cell: (row) => html`<span class="row records-tight"><${Icon} name="play" size=${16} />${dateTime(1000 * row.started_at)}</span>` },
        { key: 'caller', title: t('records.caller'), cell: (row) => html`<${Party} number=${row.caller} />` },
        { key: 'queue', title: t('records.queue'), hide: 'narrow' },
        { key: 'agent', title: t('records.agent') },
        { key: 'seconds', title: t('records.length'), align: 'end', cell: (row) => duration(row.seconds) },
        { key: 'tags', title: t('records.tags'), cell: (row) => row.tags.length > 0 && html`<${Tags} tags=${row.tags} />` },
        { key: 'state', title: t('records.state'), cell: (row) => StateOf({ recording: row }) },
      ]} />
      ${list.more && html`<div class="records-more"><${Button} onClick=${list.more}>${t('ui.more')}<//></div>`}`}
    </${Card}></div>`;
}
