// What of a report is better looked at than read. Every picture shows numbers that the table has, too.
import { html, useMemo, useState } from '../core/html.js';
import { duration, locale, number, percent, t } from '../core/i18n.js';
import { Card, Chart, Field, Stat } from '../ui/index.js';
import { base, hintOf, moment, shown, titleOf } from './figures.js';

const PICTURES = { queues: Queues, intervals: Intervals, heatmap: HeatMap, agents: Agents, missed: Missed, timeline: Timeline, load: Load, transfers: Totals, repeats: null, gaming: null };
export const pictureOf = (name) => PICTURES[name] || null;

function Stats({ report, names }) {
  const columns = names.map((name) => report.columns.find((one) => one.name === name)).filter(Boolean);
  return html`<div class="stats">${columns.map((one) => html`
    <${Stat} key=${one.name} label=${titleOf(one)} value=${html`${shown(report.total[one.name], one.unit)}<${Change} report=${report} column=${one} />`} hint=${hintOf(one, report.total[one.name])} />`)}</div>`;
}

/** How much more or less it is than the time before. */
function Change({ report, column }) {
  const now = base(report.total[column.name]);
  const before = base(report.previous?.total[column.name]);
  const counted = 1000 * report.counted_to >= Date.parse(report.range.from); // not yet, where a journal is still being read
  if (!counted || now == null || before == null || (column.unit !== 'share' && !before)) return null;
  const by = column.unit === 'share' ? 100 * (now - before) : (100 * (now - before)) / Math.abs(before);
  const text = `${by > 0 ? '▲ +' : by < 0 ? '▼ ' : ''}${number(by, Math.abs(by) < 10 ? 1 : 0)} ${column.unit === 'share' ? t('reports.points') : '%'}`;
  const { from, to } = report.previous.range;
  return html` <small class="reports-change" title=${t('reports.before', { value: shown(before, column.unit), from: moment(from), to: moment(to) })}>${text}</small>`;
}

/** Parts of a whole, one bar for each row. parts: [{ key, text, state }] */
function Stacks({ rows, parts, nameOf, valueOf, show }) {
  const most = Math.max(1, ...rows.map((row) => parts.reduce((sum, part) => sum + valueOf(row, part.key), 0)));
  return html`<div class="reports-stacks">
    <ul class="reports-legend">${parts.map((part) => html`<li key=${part.key} class=${`state-${part.state}`}><i />${part.text}</li>`)}</ul>
    ${rows.map((row) => html`<div key=${nameOf(row)} class="reports-stack"><span class="truncate" title=${nameOf(row)}>${nameOf(row)}</span>
      <div role="img" aria-label=${parts.map((part) => `${part.text}: ${show(valueOf(row, part.key))}`).join(', ')}>${parts.map((part) => {
        const value = valueOf(row, part.key);
        return value > 0 && html`<i key=${part.key} class=${`state-${part.state}`} style=${{ width: `${(100 * value) / most}%` }} title=${`${part.text}: ${show(value)}`} />`;
      })}</div></div>`)}</div>`;
}

function Queues({ report }) {
  const parts = [['answered', 'good'], ['abandoned_short', 'warn'], ['abandoned', 'alarm'], ['other', 'wrap']].map(([key, state]) => ({
    key, state, text: t(`reports.${key === 'abandoned_short' ? 'short' : key}`),
  }));
  return html`<${Stats} report=${report} names=${['entered', 'answered', 'abandoned', 'sl', 'answer_rate', 'asa', 'p90_wait', 'aht']} />
    ${report.rows.length > 0 && html`<${Card} title=${t('reports.outcomes')}><${Stacks} rows=${report.rows} parts=${parts} nameOf=${(row) => row.queue} valueOf=${(row, key) => row[key]} show=${number} /><//>`}`;
}

const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200]; // seconds
const DAILY = ['day', 'week', 'month'];

/** Intervals as categories: an hour that comes twice when clocks are put back is two, and the clock is that of the report. */
function axisOf(report) {
  const oneDay = report.range.from.slice(0, 10) === report.range.last;
  const texts = report.rows.map((row) => (oneDay ? row.from.slice(11, 16) : moment(row.from, DAILY.includes(report.interval))));
  return { x: report.rows.map((_, i) => i), texts };
}

function Intervals({ report }) {
  const data = useMemo(() => {
    const { x, texts } = axisOf(report);
    const of = (name) => report.rows.map((row) => base(row[name]) ?? null);
    return { texts, calls: [x, of('entered'), of('answered'), of('abandoned')], quality: [x, of('sl')], waits: [x, of('asa'), of('longest_wait')] };
  }, [report]);
  const bars = report.rows.length <= 120;
  return html`<${Stats} report=${report} names=${['entered', 'answered', 'abandoned', 'sl', 'asa', 'aht']} />
    <${Card} title=${t('reports.calls')}><${Chart} label=${t('reports.calls')} data=${data.calls} time=${false} x=${data.texts} axis=${titleFor(report, 'from')} height=${260} unit=${number} series=${[
      { label: titleFor(report, 'entered'), colour: '--line-strong', bars },
      { label: titleFor(report, 'answered'), colour: '--good', fill: !bars },
      { label: titleFor(report, 'abandoned'), colour: '--alarm', dash: [7, 4] },
    ]} /><//>
    <div class="reports-pair">
      <${Card} title=${t('reports.quality')}><${Chart} label=${t('reports.quality')} data=${data.quality} time=${false} x=${data.texts} axis=${titleFor(report, 'from')} unit=${(value) => percent(value)} series=${[{ label: titleFor(report, 'sl'), colour: '--accent', fill: true }]} /><//>
      <${Card} title=${t('reports.waits')}><${Chart} label=${t('reports.waits')} data=${data.waits} time=${false} x=${data.texts} axis=${titleFor(report, 'from')} unit=${duration} steps=${MINUTES} series=${[
        { label: titleFor(report, 'asa'), colour: '--talk', fill: true }, { label: titleFor(report, 'longest_wait'), colour: '--ring', dash: [7, 4] },
      ]} /><//>
    </div>`;
}

const titleFor = (report, name) => titleOf(report.columns.find((one) => one.name === name));

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const MEASURES = { offered: ['number', 'reports.offered_mean'], abandoned: ['number', 'reports.abandoned_mean'], sl: ['share', 'reports.sl'], asa: ['seconds', 'reports.asa'] };

function HeatMap({ report }) {
  const [measure, setMeasure] = useState('offered');
  const cells = useMemo(() => new Map(report.rows.map((row) => [`${row.weekday} ${row.hour}`, row])), [report]);
  const [unit] = MEASURES[measure];
  const column = report.columns.find((one) => one.name === measure);
  const most = Math.max(0, ...report.rows.map((row) => base(row[measure]) ?? 0));
  // Of the service level the lack is what is to be seen.
  const weight = (value) => (value == null || !most ? 0 : measure === 'sl' ? 1 - value : value / most);
  const tone = measure === 'offered' ? 'info' : measure === 'abandoned' || measure === 'sl' ? 'alarm' : 'ring';
  const short = (value) => (value == null ? '–' : unit === 'share' ? percent(value) : unit === 'seconds' ? number(value) : number(value, value < 10 ? 1 : 0));
  const options = Object.entries(MEASURES).map(([value, [, text]]) => ({ value, title: t(text) }));
  return html`<${Card} title=${report.titles[locale()] || report.titles.en} actions=${html`<${Field} label=${t('reports.measure')} kind="select" value=${measure} onChange=${setMeasure} options=${options} class="reports-measure" />`}>
    <div class=${`reports-heat state-${tone}`} role="table" aria-label=${column.formula} tabindex="0">
      <div role="row" class="reports-heat-row head"><span role="columnheader" />${Array.from({ length: 24 }, (_, hour) => html`<span role="columnheader" key=${hour}>${hour}</span>`)}</div>
      ${DAYS.map((day) => html`<div role="row" class="reports-heat-row" key=${day}><span role="rowheader">${t(`reports.${day}`)}</span>${Array.from({ length: 24 }, (_, hour) => {
        const row = cells.get(`${day} ${hour}`);
        const value = row ? base(row[measure]) : null;
        const part = Math.round(42 * weight(value));
        return html`<span role="cell" key=${hour} class="reports-heat-cell" title=${row ? `${t(`reports.${day}`)} ${hour}:00  ${hintOf(column, row[measure])}` : undefined}
          style=${{ background: `color-mix(in srgb, var(--tone) ${part}%, var(--surface))` }}>${short(value)}</span>`;
      })}</div>`)}</div><//>`;
}

function Agents({ report }) {
  const parts = [['talk', 'talk'], ['hold', 'talk soft'], ['wrap', 'wrap'], ['ringing', 'ring'], ['idle', 'good soft'], ['not_ready', 'off'], ['unreachable', 'alarm']].map(([key, state]) => ({
    key, state, text: t(`reports.${key}`),
  }));
  return html`<${Stats} report=${report} names=${['calls_in', 'calls_out', 'rings_no_answer', 'offer_accept', 'aht', 'occupancy', 'utilisation']} />
    ${report.rows.length > 0 && html`<${Card} title=${t('reports.worktime')}><${Stacks} rows=${report.rows} parts=${parts} nameOf=${(row) => row.agent} valueOf=${(row, key) => row[key]} show=${duration} /><//>`}`;
}

function Missed({ report }) {
  const lost = report.total.lost_contact;
  return html`<div class="stats">
    <${Stat} label=${t('reports.lost')} value=${`${number(lost.n)} (${percent(lost.value, 1)})`} state=${lost.n ? 'alarm' : 'good'} hint=${`${report.more_definitions.lost_contact} = ${lost.n} / ${lost.d}`} />
    <${Stat} label=${t('reports.state.open')} value=${number(report.total.open)} state="info" />
    <${Stat} label=${t('reports.abandoned')} value=${number(report.total.numbers)} /></div>`;
}

const COLOURS = { talking: 'talk', hold: 'talk soft', wrap: 'wrap', offered: 'ring', idle: 'good soft', not_ready: 'off', unreachable: 'alarm', backoff: 'off soft' };

function Timeline({ report }) {
  const [since, until] = [Date.parse(report.range.from), Date.parse(report.range.to)];
  const length = until - since;
  const agents = useMemo(() => {
    const found = new Map();
    for (const row of report.rows) {
      if (!found.has(row.agent)) found.set(row.agent, []);
      found.get(row.agent).push(row);
    }
    return [...found];
  }, [report]);
  if (!agents.length) return null;
  const hours = Math.round(length / 3_600_000);
  const step = hours <= 26 ? 2 : 24;
  const marks = Array.from({ length: Math.floor(hours / step) + 1 }, (_, i) => i * step);
  const clock = new Intl.DateTimeFormat(locale(), step < 24 ? { hour: '2-digit', timeZone: report.range.timezone } : { weekday: 'short', day: 'numeric', timeZone: report.range.timezone });
  const parts = Object.entries(COLOURS);
  return html`<${Card} title=${t('reports.timeline')}>
    <ul class="reports-legend">${parts.map(([name, state]) => html`<li key=${name} class=${`state-${state}`}><i />${t(`reports.${name}`)}</li>`)}</ul>
    <div class="reports-time" tabindex="0"><div class="reports-time-inner">
      <div class="reports-time-row"><span /><div class="reports-time-marks">${marks.map((at) => html`<small key=${at} style=${{ left: `${(100 * at) / hours}%` }}>${clock.format(since + at * 3_600_000)}</small>`)}</div></div>
      ${agents.map(([agent, rows]) => html`<div key=${agent} class="reports-time-row"><span class="truncate" title=${agent}>${agent}</span>
        <svg class="reports-time-bar" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label=${agent}>${rows.map((row, i) => html`
          <rect key=${i} class=${`state-${COLOURS[row.state] || 'off'}`} x=${(1000 * (Date.parse(row.from) - since)) / length} width=${Math.max(0.4, (1_000_000 * row.seconds) / length)} y="0" height="20">
            <title>${`${row.from.slice(11, 19)} ${t(`reports.${row.state}`)} ${row.detail} ${duration(row.seconds)}`}</title></rect>`)}</svg></div>`)}
    </div></div><//>`;
}

function Load({ report }) {
  const { x, texts } = useMemo(() => axisOf(report), [report]);
  const data = useMemo(() => [x, report.rows.map((row) => row.peak), report.rows.map((row) => base(row.erlangs))], [report]);
  const hour = report.busy_hour;
  return html`<div class="stats">
    <${Stat} label=${t('reports.peak')} value=${number(Math.max(0, ...report.rows.map((row) => row.peak)))} />
    ${hour && html`<${Stat} label=${`${t('reports.busy_hour')}: ${shown(hour.from, 'time')}`} value=${`${number(hour.erlangs.value, 2)} E`} hint=${report.more_definitions.busy_hour} />`}</div>
    <${Card} title=${t('reports.load')}><${Chart} label=${t('reports.load')} data=${data} time=${false} x=${texts} axis=${titleFor(report, 'from')} height=${260} unit=${(value) => number(value, 1)} series=${[
      { label: t('reports.peak'), colour: '--line-strong', bars: report.rows.length <= 120 }, { label: t('reports.erlangs'), colour: '--accent', fill: true },
    ]} /><//>`;
}

function Totals({ report }) {
  return html`<${Stats} report=${report} names=${['transfers', 'blind', 'attended', 'done', 'failed', 'recalls', 'mean_cost', 'chain']} />`;
}
