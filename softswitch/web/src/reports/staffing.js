// How many agents a queue needs in every interval of the week: what `softswitch plan` says, to be looked at.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { duration, number, percent, t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { go } from '../core/router.js';
import { Button, Card, Empty, Field, Skeleton, Stat, Table } from '../ui/index.js';

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const USUAL = { level: '80', within: '20', occupancy: '90', shrinkage: '30', interval: '30', days: '90' };

export default function Staffing({ query }) {
  const queues = useLive('queues', (rows) => rows.map((one) => ({ value: one.name, title: one.title || one.name })));
  const [answer, setAnswer] = useState({});
  const chosen = { ...USUAL, queue: queues?.[0]?.value, ...query };
  const [bill, setBill] = useState(null); // { name, text, columns }, in place of records of our own
  const target = `${chosen.level}/${chosen.within}`;
  const address = bill ? `${bill.name} ${bill.at} ${JSON.stringify(bill.columns)} ${JSON.stringify(chosen)}` : chosen.queue && path('/api/staffing/{queue}', chosen, {
    target, occupancy: chosen.occupancy, shrinkage: chosen.shrinkage, interval: chosen.interval, days: chosen.days,
  });
  useEffect(() => {
    if (!address) return undefined;
    const abort = new AbortController();
    const asked = bill
      ? api.post('/api/staffing', { text: bill.text, columns: bill.columns, target, occupancy: Number(chosen.occupancy), shrinkage: Number(chosen.shrinkage), interval: chosen.interval }, { signal: abort.signal })
      : api.get(address, { signal: abort.signal });
    asked.then(
      (found) => setAnswer({ address, found }),
      (error) => error.name !== 'AbortError' && setAnswer({ address, error }),
    );
    return () => abort.abort();
  }, [address]);
  const change = (key) => (value) => go('/reports/staffing', { ...query, [key]: value });
  const figure = (key, text, low, high) => html`<${Field} label=${t(text)} kind="number" min=${low} max=${high} value=${chosen[key]} onChange=${(value) => value >= low && value <= high && change(key)(value)} />`;
  return html`<div class="page reports"><div class="page-head"><h1>${t('reports.staffing')}</h1></div>
    <section class="card reports-choice" aria-label=${t('reports.staffing')}>
      <${Field} label=${t('reports.queue')} kind="select" disabled=${Boolean(bill)} value=${chosen.queue || ''} onChange=${change('queue')} options=${queues || []} />
      ${figure('level', 'reports.staffing.target', 1, 99)}${figure('within', 'reports.staffing.within', 0, 3600)}
      ${figure('occupancy', 'reports.staffing.occupancy', 1, 100)}${figure('shrinkage', 'reports.staffing.shrinkage', 0, 95)}
      <${Field} label=${t('reports.interval')} kind="select" value=${chosen.interval} onChange=${change('interval')} options=${['15', '30', '60'].map((value) => ({ value, title: t(`reports.interval.${value}`) }))} />
      ${!bill && figure('days', 'reports.staffing.days', 1, 3660)}
    </section>
    <${Bill} bill=${bill} onBill=${setBill} />
    <div class="reports-shown">${answer.address !== address || !address ? html`<${Card}>${queues?.length === 0 ? html`<${Empty} text=${t('reports.nothing')} />` : html`<${Skeleton} lines=${6} />`}<//>`
      : answer.error ? html`<${Card}><${Empty} icon="alert" text=${answer.error.message} /><//>`
      : html`<${Plan} plan=${answer.found} />`}</div>
  </div>`;
}

/** A file of a spreadsheet: UTF-8, or the code page that it uses in this country. */
async function decoded(file) {
  const data = await file.arrayBuffer();
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data).replace(/^\uFEFF/, '');
  } catch {
    return new TextDecoder('windows-1250').decode(data);
  }
}

/** What an operator has billed, as the basis of a plan before there are records of one's own. */
function Bill({ bill, onBill }) {
  const choose = async (event) => {
    const file = event.currentTarget.files[0];
    if (file) onBill({ name: file.name, at: file.lastModified, text: await decoded(file), columns: {} });
  };
  const column = (use) => (value) => {
    const columns = { ...bill.columns, [use]: value };
    if (!value) delete columns[use];
    onBill({ ...bill, columns });
  };
  const line = bill ? bill.text.slice(0, 4000).split(/\r?\n/)[0] : '';
  const mark = [';', '\t', '|', ','].find((one) => line.includes(one)) || ',';
  const headings = [{ value: '', title: t('reports.staffing.found_out') }, ...line.split(mark).map((one) => one.trim().replace(/^"|"$/g, '')).filter(Boolean).map((value) => ({ value, title: value }))];
  return html`<details class="card reports-bill" open=${Boolean(bill)}><summary>${t('reports.staffing.bill')}</summary>
    <p class="soft">${t('reports.staffing.bill_hint')}</p>
    <div class="reports-choice"><div class="field"><label for="staffing-bill">${t('reports.staffing.file')}</label><input id="staffing-bill" type="file" accept=".csv,.txt,text/csv,text/plain" onChange=${choose} /></div>
      ${bill && ['start', 'duration'].map((use) => html`<${Field} key=${use} label=${t(`reports.staffing.${use}`)} kind="select" value=${bill.columns[use] || ''} onChange=${column(use)} options=${headings} />`)}
    </div>
    ${bill && html`<div class="row"><${Button} small onClick=${() => onBill(null)}>${t('reports.staffing.no_bill')}<//></div>`}</details>`;
}

const MEASURES = ['agents', 'calls', 'service_level'];

function Plan({ plan }) {
  const cells = new Map(plan.intervals.map((one) => [`${one.weekday} ${one.from}`, one]));
  const starts = [...new Set(plan.intervals.map((one) => one.from))].sort();
  const days = DAYS.filter((day) => plan.intervals.some((one) => one.weekday === day));
  const [measure, setMeasure] = useState('agents');
  const most = Math.max(1e-9, ...plan.intervals.map((one) => one[measure]));
  const figure = { agents: number, calls: (value) => number(value, value < 10 ? 1 : 0), service_level: (value) => percent(value) }[measure];
  const stats = [
    ['staffing.expected', percent(plan.service_level, 1)], ['staffing.fewer', percent(plan.service_level_one_fewer, 1)], ['staffing.more', percent(plan.service_level_one_more, 1)],
    ['staffing.peak', number(plan.most_agents)], ['staffing.employ', number(plan.people_to_employ_at_the_peak)], ['staffing.hours', number(plan.agent_hours_a_week)],
    ['staffing.paid', number(plan.paid_hours_a_week)], ['staffing.handle', duration(plan.handle_time)], ['staffing.patience', duration(plan.patience)], ['staffing.error', percent(plan.back_test_error)],
  ];
  const lunches = Object.entries(plan.lunch).map(([day, slots]) => ({ day, slots }));
  return html`<div class="stats">${stats.map(([key, value]) => html`<${Stat} key=${key} label=${t(`reports.${key}`)} value=${value} />`)}</div>
    <p class="soft">${t('reports.staffing.model', { model: plan.model, calls: number(plan.calls), days: number(plan.days) })}</p>
    <${Card} title=${t('reports.staffing.agents')} actions=${html`<${Field} label=${t('reports.measure')} kind="select" class="reports-measure" value=${measure} onChange=${setMeasure}
      options=${MEASURES.map((value) => ({ value, title: t(`reports.staffing.measure.${value}`) }))} />`}><div class="table-frame" tabindex="0"><table class="reports-staff state-info">
      <thead><tr><th scope="col"></th>${days.map((day) => html`<th scope="col" key=${day}>${t(`reports.${day}`)}</th>`)}</tr></thead>
      <tbody>${starts.map((start) => html`<tr key=${start}><th scope="row">${start}</th>${days.map((day) => {
        const one = cells.get(`${day} ${start}`);
        return html`<td key=${day} title=${one && t('reports.staffing.one', { agents: one.agents, calls: number(one.calls, 1), level: percent(one.service_level), busy: percent(one.occupancy) })}
          style=${{ background: one ? `color-mix(in srgb, var(--tone) ${Math.round((42 * one[measure]) / most)}%, var(--surface))` : undefined }}>${one ? figure(one[measure]) : ''}</td>`;
      })}</tr>`)}</tbody></table></div><//>
    ${lunches.length > 0 && html`<${Card} title=${t('reports.staffing.lunch')}><${Table} rows=${lunches} keyOf=${(row) => row.day} columns=${[
      { key: 'day', title: t('reports.staffing.day'), cell: (row) => t(`reports.${row.day}`) },
      { key: 'slots', title: t('reports.staffing.when'), cell: (row) => row.slots.map((slot) => t('reports.staffing.late', { time: slot.from, calls: number(slot.missed_calls, 1) })).join(', ') },
    ]} /><//>`}`;
}
