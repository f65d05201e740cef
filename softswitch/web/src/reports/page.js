// The page of all reports: what, of when, of whom; then what can be looked at, and the same numbers as a table.
import { html, useEffect, useMemo, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { locale, t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { go } from '../core/router.js';
import { Card, Empty, Field, Icon, Skeleton } from '../ui/index.js';
import { pictureOf } from './pictures.js';
import { Figures } from './figures.js';

const OF_QUEUES = ['queues', 'intervals', 'heatmap', 'missed', 'transfers', 'repeats'];
const OF_AGENTS = ['agents', 'gaming', 'timeline', 'transfers'];
const WITH_CHANGES = ['queues', 'intervals', 'agents', 'transfers'];
const WITH_INTERVALS = ['intervals', 'load'];
const WITH_VIEWS = ['queues', 'intervals', 'heatmap'];
const FORMATS = ['xlsx', 'csv', 'json'];
const MORE = [['agents', 'reports.missed_agents'], ['callers', 'reports.callers'], ['trunks', 'reports.trunks']];

/** What an address asks of the switch. */
function wanted(report, query) {
  const custom = query.range === 'custom';
  return path('/api/reports/{report}', { report }, {
    range: custom ? '' : query.range || 'today', since: custom ? query.since : '', until: custom ? query.until : '',
    interval: WITH_INTERVALS.includes(report) ? query.interval : '', view: WITH_VIEWS.includes(report) ? query.view : '',
    queue: OF_QUEUES.includes(report) ? query.queue : '', agent: OF_AGENTS.includes(report) ? query.agent : '',
    service_level: WITH_VIEWS.includes(report) ? query.level : '', compare: WITH_CHANGES.includes(report) && query.compare !== 'no' ? 'true' : '',
  });
}

export default function Reports({ report, query }) {
  const [offer, setOffer] = useState(null);
  const [answer, setAnswer] = useState({});
  useEffect(() => { api.get('/api/reports').then(setOffer, (error) => setAnswer({ error })); }, []);
  const name = offer?.reports.some((one) => one.report === report) ? report : offer?.reports[0]?.report;
  const address = name && wanted(name, query);
  useEffect(() => {
    if (!address) return undefined;
    const abort = new AbortController();
    setAnswer((before) => ({ ...before, waiting: true }));
    api.get(address, { signal: abort.signal }).then(
      (found) => setAnswer({ address, found }),
      (error) => error.name !== 'AbortError' && setAnswer({ address, error }),
    );
    return () => abort.abort();
  }, [address]);
  if (!offer) return html`<div class="page">${answer.error ? html`<${Empty} icon="alert" text=${answer.error.message} />` : html`<${Skeleton} lines=${5} />`}</div>`;
  const current = answer.address === address;
  return html`<div class="page reports">
    <div class="page-head"><h1>${t('reports.nav')}</h1></div>
    <${Choice} offer=${offer} name=${name} query=${query} />
    ${!current || answer.waiting ? html`<${Card}><${Skeleton} lines=${6} /><//>`
      : answer.error ? html`<${Empty} icon="alert" text=${answer.error.message} />`
      : html`<${Shown} key=${address} report=${answer.found} address=${address} query=${query} />`}
  </div>`;
}

function Choice({ offer, name, query }) {
  const queues = useLive('queues', (rows) => rows.map((one) => ({ value: one.name, title: one.title || one.name }))) || [];
  const agents = useLive('agents', (rows) => rows.map((one) => ({ value: one.agent, title: one.title || one.agent }))) || [];
  const change = (key) => (value) => go(`/reports/${name}`, { ...query, [key]: value });
  const options = (kind, values) => values.map((value) => ({ value, title: t(`reports.${kind}.${value}`) }));
  const title = (one) => one.titles[locale()] || one.titles.en;
  return html`<section class="card reports-choice" aria-label=${t('reports.report')}>
    <${Field} label=${t('reports.report')} kind="select" value=${name} onChange=${(value) => go(`/reports/${value}`, query)}
      options=${offer.reports.map((one) => ({ value: one.report, title: title(one) }))} />
    <${Field} label=${t('reports.range')} kind="select" value=${query.range || 'today'} onChange=${change('range')}
      options=${[...options('range', offer.ranges), { value: 'custom', title: t('reports.range.custom') }]} />
    ${query.range === 'custom' && html`
      <${Field} label=${t('reports.since')} kind="date" value=${query.since || ''} onChange=${change('since')} />
      <${Field} label=${t('reports.until')} kind="date" value=${query.until || ''} onChange=${change('until')} />`}
    ${OF_QUEUES.includes(name) && html`<${Field} label=${t('reports.queue')} kind="select" value=${query.queue || ''} onChange=${change('queue')}
      options=${[{ value: '', title: t('reports.all') }, ...queues]} />`}
    ${OF_AGENTS.includes(name) && html`<${Field} label=${t('reports.agent')} kind="select" value=${query.agent || ''} onChange=${change('agent')}
      options=${[{ value: '', title: t('reports.all') }, ...agents]} />`}
    ${WITH_INTERVALS.includes(name) && html`<${Field} label=${t('reports.interval')} kind="select" value=${query.interval || '60'} onChange=${change('interval')}
      options=${options('interval', offer.intervals)} />`}
    ${WITH_VIEWS.includes(name) && html`<${Field} label=${t('reports.view')} kind="select" value=${query.view || 'cohort'} onChange=${change('view')}
      options=${options('view', offer.views)} />
      <${Field} label=${t('reports.level')} kind="number" min="0" max="3600" value=${query.level || ''} placeholder=${t('reports.level.own')}
        onChange=${(value) => (value === '' || (value >= 0 && value <= 3600)) && change('level')(value)} />`}
    ${WITH_CHANGES.includes(name) && html`<${Field} label=${t('reports.compare')} kind="select" value=${query.compare || ''} onChange=${change('compare')}
      options=${[{ value: '', title: t('reports.compare.before') }, { value: 'no', title: t('reports.compare.no') }]} />`}
  </section>`;
}

function Shown({ report, address, query }) {
  const Picture = pictureOf(report.report);
  const title = report.titles[locale()] || report.titles.en;
  const definitions = useMemo(() => report.columns.filter((one) => one.formula), [report]);
  const files = FORMATS.map((form) => html`<a key=${form} class="button small" download
    title=${form === 'csv' ? t('reports.csv') : undefined}
    href=${`${address}${address.includes('?') ? '&' : '?'}format=${form}&language=${locale()}`}><${Icon} name="download" size=${16} /><span>${form.toUpperCase()}</span></a>`);
  return html`<div class="reports-shown">
    <p class="reports-of soft">${title}, ${spanText(report)}${Object.entries(report.limits).map(([name, one]) => html`<span key=${name}>${t('reports.limits', { queue: name, level: one.service_level_seconds, short: one.short_abandon })}</span>`)}</p>
    ${report.cut && html`<p class="reports-cut state-warn">${t('reports.cut')}</p>`}
    ${Picture && html`<${Picture} report=${report} />`}
    <${Card} title=${title} icon="chart" actions=${files}>
      <${Figures} report=${report} rows=${report.rows} columns=${report.columns} total=${report.total} query=${query} />
      ${report.counted_to > 0 && html`<p class="soft"><small>${t('reports.counted', { time: new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'short', timeZone: report.range.timezone }).format(1000 * report.counted_to) })}</small></p>`}
    <//>
    ${MORE.map(([key, text]) => report[key]?.length > 0 && html`<${Card} key=${key} title=${t(text)}><${Figures} report=${report} rows=${report[key]} query=${query}
      columns=${report[`${key.slice(0, -1)}_columns`] || plain(report[key][0])} /><//>`)}
    <details class="card reports-definitions"><summary>${t('reports.definitions')}</summary>
      <dl>${definitions.map((one) => html`<div key=${one.name}><dt>${one.titles[locale()] || one.titles.en}</dt><dd>${one.formula}</dd></div>`)}</dl></details>
  </div>`;
}

/** The days of a report, as people say them. */
function spanText({ range }) {
  const day = (text) => new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeZone: 'UTC' }).format(Date.parse(`${text.slice(0, 10)}Z`));
  const first = day(range.from);
  const last = day(range.last);
  return `${first === last ? first : `${first} – ${last}`} (${range.timezone})`;
}

const plain = (row) => Object.keys(row).map((name) => ({
  name, titles: {}, formula: '', unit: name === 'erlangs' ? 'number' : name.startsWith('again') || name === 'last' ? (name === 'last' ? 'time' : 'count') : 'text',
}));
