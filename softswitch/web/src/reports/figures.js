// The numbers of a report as a table: each says by what it was divided, and by which formula.
import { html, useState } from '../core/html.js';
import { duration, locale, number, percent, t, tOr } from '../core/i18n.js';
import { link } from '../core/router.js';
import { Badge, Button, Empty, Table, reasonText } from '../ui/index.js';

// What there is room for; a button shows everything.
const BRIEF = {
  queues: ['queue', 'entered', 'answered', 'abandoned_short', 'abandoned', 'other', 'sl', 'answer_rate', 'asa', 'p90_wait', 'longest_wait', 'aht'],
  intervals: ['from', 'entered', 'answered', 'abandoned', 'sl', 'asa', 'longest_wait', 'aht', 'erlangs'],
  agents: ['agent', 'calls_in', 'calls_out', 'talk', 'wrap', 'idle', 'not_ready', 'logged_in', 'rings_no_answer', 'aht', 'occupancy', 'utilisation', 'reasons', 'reason_counts'],
};
BRIEF.missed = ['number', 'queue', 'attempts', 'last', 'outcome', 'state', 'contact', 'contact_by', 'contact_how', 'after'];
const STATES = { contacted: 'good', lost: 'alarm', open: 'info' };
const PAGE = 200; // rows

export const base = (value) => (value && typeof value === 'object' && 'd' in value ? value.value : value);

/** A moment of a report on the clock of its time zone, whatever that of the browser is; `days`: without the time of day. */
export function moment(text, days = false) {
  const how = days ? { weekday: 'short' } : { hour: '2-digit', minute: '2-digit' };
  return new Intl.DateTimeFormat(locale(), { day: 'numeric', month: 'short', ...how, timeZone: 'UTC' }).format(Date.parse(`${text.slice(0, 19)}Z`));
}

/** A value as people write it; a dash for what there is not. */
export function shown(value, unit) {
  const plain = base(value);
  if (plain === null || plain === undefined || plain === '') return '–';
  if (unit === 'share') return percent(plain, 1);
  if (unit === 'seconds') return plain < 0 ? `-${duration(-plain)}` : plain > 0 && plain < 10 ? `${number(plain, 1)} s` : duration(plain);
  if (unit === 'number') return number(plain, 2);
  if (unit === 'count') return number(plain);
  if (unit === 'time') return moment(plain);
  return String(plain);
}

export const titleOf = (column) => column.titles[locale()] || column.titles.en || column.name;

/** The formula with its numbers: "A_T / (A + B - B_S) = 91 / 100". */
export function hintOf(column, value) {
  const parts = value && typeof value === 'object' && 'd' in value ? ` = ${number(value.n, 1)} / ${number(value.d, 1)}` : '';
  return column.formula ? `${column.formula}${parts}` : undefined;
}

const seconds = (text) => Math.round(Date.parse(text) / 1000);

/** Where the calls behind a row are; null: a row of which there are none. */
export function callsBehind(report, row, query = {}) {
  const which = { range: 'span', since: seconds(report.range.from), until: seconds(report.range.to), queue: query.queue || '' };
  if (row.whole) return link('/calls', which);
  if (report.interval && row.from) return link('/calls', { ...which, since: seconds(row.from), until: seconds(row.from) + row.seconds });
  if (row.number) return link('/calls', { number: row.number });
  if (report.report === 'queues' || report.report === 'repeats') return link('/calls', { ...which, queue: row.queue });
  if (row.agent && report.report !== 'timeline') return link('/calls', { ...which, agent: row.agent });
  return row.trunk ? null : row.state && row.from ? link('/calls', { ...which, agent: row.agent, since: seconds(row.from) - 1, until: seconds(row.to) }) : null;
}

function Cell({ column, value, days }) {
  if (column.unit === 'time') return html`<span class="reports-moment">${value ? moment(value, days) : '–'}</span>`;
  if (column.name === 'outcome') return tOr(`reports.outcome.${value}`, value);
  if (column.name === 'detail') return tOr(`reports.kind.${value}`, value || '–');
  if (column.name === 'state' && STATES[value]) return html`<${Badge} state=${STATES[value]}>${t(`reports.state.${value}`)}<//>`;
  if (column.name === 'contact_how' && value) return t(`reports.how.${value}`);
  if (column.name === 'state' || column.name === 'weekday') return tOr(`reports.${value}`, value);
  if (column.unit === 'durations') return Object.entries(value).map(([name, seconds]) => `${reasonText(name)} ${duration(seconds)}`).join(', ') || '–';
  if (column.unit === 'counts') return Object.entries(value).map(([name, n]) => `${reasonText(name)} ${number(n)}`).join(', ') || '–';
  if (column.unit === 'bins') return html`<${Bars} bins=${value} />`;
  return html`<span title=${hintOf(column, value)}>${shown(value, column.unit)}</span>`;
}

/** How often what took so long, small enough for a cell. */
function Bars({ bins }) {
  const entries = Object.entries(bins);
  if (!entries.length) return '–';
  const most = Math.max(...entries.map(([, n]) => n));
  const last = Math.max(...entries.map(([second]) => Number(second)), 25);
  const text = entries.map(([second, n]) => `${second} s: ${n}`).join(', ');
  return html`<svg class="reports-bars" width="120" height="28" role="img" aria-label=${text}><title>${text}</title>${entries.map(([second, n]) => html`
    <rect key=${second} class=${second >= 15 ? 'late' : ''} x=${(Number(second) / (last + 5)) * 120} width=${Math.max(3, 600 / (last + 5) - 1)} y=${27 - (26 * n) / most} height=${1 + (26 * n) / most} />`)}</svg>`;
}

export function Figures({ report, rows, columns, total, query }) {
  const [everything, all] = useState(false);
  const [most, setMost] = useState(PAGE);
  const brief = rows === report.rows ? BRIEF[report.report] : null;
  const visible = brief && !everything ? columns.filter((one) => brief.includes(one.name)) : columns;
  if (!rows.length) return html`<${Empty} text=${t('reports.nothing')} />`;
  const first = columns[0].name;
  const days = ['day', 'week', 'month'].includes(report.interval);
  const whole = total && columns.some((one) => one.name in total) && rows.length > 1 ? [{ [first]: t('reports.all'), whole: true, ...total }] : [];
  const table = visible.map((one) => ({
    key: one.name, title: titleOf(one), align: ['text', 'time', 'durations', 'counts', 'bins'].includes(one.unit) ? undefined : 'end',
    cell: (row) => {
      if (row.whole && one.name !== first && !(one.name in row)) return '';
      const shows = row.whole && one.name === first ? html`<strong>${row[first]}</strong>` : html`<${Cell} column=${one} value=${row[one.name]} days=${days} />`;
      const calls = one.name === first && callsBehind(report, row, query);
      return calls ? html`<a class="reports-behind" href=${calls} title=${t('reports.behind')}>${shows}</a>` : shows;
    },
    sort: report.rows.length <= PAGE && ['durations', 'counts', 'bins'].includes(one.unit) === false ? (row) => base(row[one.name]) : undefined,
  }));
  const listed = rows.slice(0, most);
  return html`<div class="reports-figures">
    ${brief && html`<div class="row"><${Button} small kind="quiet" aria-pressed=${everything} onClick=${() => all(!everything)}>${t(everything ? 'reports.brief' : 'reports.everything')}<//></div>`}
    <${Table} columns=${table} rows=${[...whole, ...listed]} keyOf=${(row) => (row.whole ? 'all' : `${row[first]} ${listed.indexOf(row)}`)} caption=${t('reports.numbers')} />
    ${rows.length > most && html`<div class="row"><${Button} small onClick=${() => setMost(most + 5 * PAGE)}>+ ${number(rows.length - most)}<//></div>`}
  </div>`;
}
