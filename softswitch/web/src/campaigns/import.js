// Customers for a campaign from a file: what each column is, every wrong row with its line, and only then the list.
import { html, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { t } from '../core/i18n.js';
import { refresh } from '../core/live.js';
import { go, link } from '../core/router.js';
import { Button, Card, Field, Icon, Stat, Table, toast } from '../ui/index.js';
import { decoded } from '../customers/import.js';

const COLUMNS = ['number', 'name', 'timezone'];

export default function Import({ campaign }) {
  const [text, setText] = useState('');
  const [mapping, map] = useState({});
  const [found, set] = useState(null);
  const address = `/campaigns/${encodeURIComponent(campaign)}`;
  const look = async (whole, columns, dry = true) => {
    try {
      const answer = await api.post(path('/api/campaigns/{campaign}/import', { campaign }), { text: whole, mapping: columns, dry_run: dry });
      set(answer);
      if (answer.changed) {
        toast(t('campaigns.imported', { count: answer.new }), { kind: 'good' });
        refresh('campaigns');
        go(address);
      }
    } catch (error) {
      toast(error.message, { kind: 'alarm', detail: error.hint });
    }
  };
  const choose = async (event) => {
    const file = event.currentTarget.files[0];
    if (!file) return;
    const whole = await decoded(file);
    setText(whole);
    map({});
    await look(whole, {});
  };
  const turn = (heading) => (value) => {
    const next = { ...mapping, [heading]: value };
    map(next);
    look(text, next);
  };
  const options = (heading) => [...COLUMNS.map((value) => ({ value, title: t(`campaigns.column.${value}`) })), { value: heading, title: t('campaigns.as_field', { name: heading }) }, { value: '', title: t('campaigns.left_out') }]
    .filter((one, i, all) => all.findIndex((each) => each.value === one.value) === i);
  const fields = found ? [...new Set(found.sample.flatMap((row) => Object.keys(row)))] : [];
  return html`<div class="page"><div class="page-head"><div><a href=${link(address)}><${Icon} name="left" size=${16} /> ${campaign}</a><h1>${t('campaigns.import')}</h1></div></div>
    <${Card}><p class="soft">${t('campaigns.import_hint')}</p>
      <div class="field"><label for="campaigns-file">${t('campaigns.file')}</label><input id="campaigns-file" type="file" accept=".csv,.txt,text/csv,text/plain" onChange=${choose} /></div><//>
    ${found && html`<${Card} title=${t('campaigns.columns_are')}><div class="campaigns-form">${Object.keys(found.headings).map((heading) => html`
        <${Field} key=${heading} label=${heading} kind="select" options=${options(heading)} value=${mapping[heading] ?? found.headings[heading]} onChange=${turn(heading)} />`)}</div><//>
      <${Card} title=${t('campaigns.would_be')} actions=${html`<${Button} kind="primary" disabled=${found.mistakes > 0 || found.new === 0} onClick=${() => look(text, mapping, false)}>${t('campaigns.do_import', { count: found.new })}<//>`}>
        <div class="stats"><${Stat} label=${t('campaigns.rows')} value=${found.rows} /><${Stat} label=${t('campaigns.rows_new')} value=${found.new} /><${Stat} label=${t('campaigns.rows_known')} value=${found.known} />
          <${Stat} label=${t('campaigns.denied')} value=${found.denied} /><${Stat} label=${t('campaigns.mistakes')} value=${found.mistakes} state=${found.mistakes ? 'alarm' : undefined} /></div>
        ${found.problems.length > 0 && html`<div class="campaigns-problems" role="alert"><p><strong>${t('campaigns.mistakes_hint')}</strong></p><ul>${found.problems.map((one) => html`<li key=${one}>${one}</li>`)}</ul></div>`}
        ${found.sample.length > 0 && html`<h3>${t('campaigns.sample')}</h3><${Table} keyOf=${(row) => JSON.stringify(row)} rows=${found.sample} columns=${fields.map((key) => ({ key, title: COLUMNS.includes(key) ? t(`campaigns.column.${key}`) : key }))} />`}<//>`}</div>`;
}
