// Customers from a file: what each column is, every mistake with its line, and only then the import.
import { html, useState } from '../core/html.js';
import { api } from '../core/api.js';
import { t } from '../core/i18n.js';
import { go, link } from '../core/router.js';
import { Button, Card, Field, Icon, Stat, Table, toast } from '../ui/index.js';

const COLUMNS = ['customer', 'name', 'numbers', 'company', 'email', 'link', 'language', 'vip', 'segment', 'manager', 'tags', 'do_not_call'];

/** A file of a spreadsheet: UTF-8 or UTF-16 with a mark, else the code page that it uses in this country. */
export async function decoded(file) {
  const data = await file.arrayBuffer();
  const [first, second] = new Uint8Array(data.slice(0, 2));
  if (first + second === 0x1fd) return new TextDecoder(first === 0xff ? 'utf-16le' : 'utf-16be').decode(data);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(data).replace(/^\uFEFF/, '');
  } catch {
    return new TextDecoder('windows-1250').decode(data);
  }
}

export default function Import() {
  const [text, setText] = useState('');
  const [mapping, map] = useState({});
  const [found, set] = useState(null);
  const look = async (whole, columns, dry = true) => {
    try {
      const answer = await api.post('/api/customers/import', { text: whole, mapping: columns, dry_run: dry });
      set(answer);
      if (answer.done) {
        toast(t('customers.imported', { count: answer.customers }), { kind: 'good' });
        go('/customers');
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
  const meaning = (heading) => mapping[heading] ?? found.headings[heading];
  const options = (heading) => [
    ...COLUMNS.map((value) => ({ value, title: t(`customers.${value}`) })),
    ...(COLUMNS.includes(found.headings[heading]) ? [] : [{ value: found.headings[heading], title: t('customers.as_field', { name: heading }) }]),
    { value: '', title: t('customers.left_out') },
  ];
  return html`<div class="page"><div class="page-head"><div><a href=${link('/customers')}><${Icon} name="left" size=${16} /> ${t('customers.title')}</a><h1>${t('customers.import')}</h1></div></div>
    <${Card}><p class="soft">${t('customers.import_hint')}</p>
      <div class="field"><label for="customers-file">${t('customers.file')}</label><input id="customers-file" type="file" accept=".csv,.txt,text/csv,text/plain" onChange=${choose} /></div><//>
    ${found && html`<${Card} title=${t('customers.columns')}><div class="customers-form">${Object.keys(found.headings).map((heading) => html`
        <${Field} key=${heading} label=${heading} kind="select" options=${options(heading)} value=${meaning(heading)} onChange=${turn(heading)} />`)}</div><//>
      <${Card} title=${t('customers.result')} actions=${html`<${Button} kind="primary" disabled=${found.mistakes > 0 || found.customers === 0} onClick=${() => look(text, mapping, false)}>${t('customers.do_import', { count: found.customers })}<//>`}>
        <div class="row customers-stats"><${Stat} label=${t('customers.rows')} value=${found.customers} /><${Stat} label=${t('customers.rows_new')} value=${found.new} />
          <${Stat} label=${t('customers.rows_changed')} value=${found.changed} /><${Stat} label=${t('customers.mistakes')} value=${found.mistakes} state=${found.mistakes ? 'alarm' : undefined} /></div>
        ${found.problems.length > 0 && html`<div class="customers-problems" role="alert"><p><strong>${t('customers.mistakes_hint')}</strong></p>
          <ul>${found.problems.map((one) => html`<li key=${one}>${one}</li>`)}</ul></div>`}
        ${found.sample.length > 0 && html`<h3>${t('customers.sample')}</h3><${Table} keyOf=${(row) => row.customer} rows=${found.sample} columns=${[
          { key: 'customer', title: t('customers.customer') }, { key: 'name', title: t('customers.name') },
          { key: 'numbers', title: t('customers.numbers'), cell: (row) => row.numbers.join(', ') }, { key: 'company', title: t('customers.company') },
          { key: 'fields', title: t('customers.fields'), hide: 'narrow', cell: (row) => Object.entries(row.fields).map(([name, value]) => `${name}=${value}`).join(', ') },
        ]} />`}<//>`}</div>`;
}
