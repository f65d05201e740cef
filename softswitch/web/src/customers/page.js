// The list of customers: found by any part of what is on a card, more of them on demand.
import { html, useEffect, useRef, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { t } from '../core/i18n.js';
import { go } from '../core/router.js';
import { Badge, Button, Card, Field, Skeleton, Table, toast } from '../ui/index.js';
import { Edit, mayChange, useAgents } from './edit.js';

const PORTION = 50;
const PAUSE = 250; // ms after the last key

export default function Customers({ who, query }) {
  const [text, setText] = useState(query.text || '');
  const [tag, setTag] = useState(query.tag || '');
  const [vip, setVip] = useState(query.vip === 'true');
  const [found, set] = useState(null);
  const [editing, edit] = useState(false);
  const latest = useRef(0);
  const agents = useAgents();

  const ask = async (after = '') => {
    const turn = ++latest.current;
    try {
      const rows = await api.get(path('/api/customers', {}, { text, tag, vip: vip || '', after, limit: PORTION }));
      if (turn === latest.current) set((before) => ({ rows: after ? [...before.rows, ...rows] : rows, more: rows.length === PORTION }));
    } catch (error) {
      if (turn === latest.current) {
        set((before) => before || { rows: [], more: false });
        toast(error.message, { kind: 'alarm', detail: error.hint });
      }
    }
  };
  useEffect(() => {
    const waiting = setTimeout(() => {
      go('/customers', { text, tag, vip: vip || '' }, { replace: true });
      ask();
    }, found ? PAUSE : 0);
    return () => clearTimeout(waiting);
  }, [text, tag, vip]);

  const open = (row) => go(`/customers/${encodeURIComponent(row.customer)}`);
  const columns = [
    { key: 'name', title: t('customers.name'), sort: (row) => row.name, cell: (row) => html`<strong>${row.name || row.customer}</strong>${row.vip && html` <${Badge} state="wrap">VIP<//>`}` },
    { key: 'company', title: t('customers.company'), sort: (row) => row.company },
    { key: 'numbers', title: t('customers.numbers'), cell: (row) => html`<span class="mono">${row.numbers.join(', ')}</span>` },
    { key: 'email', title: t('customers.email'), hide: 'narrow' },
    { key: 'manager', title: t('customers.manager'), hide: 'narrow', sort: (row) => row.manager, cell: (row) => agents[row.manager] || row.manager },
    { key: 'tags', title: t('customers.tags'), hide: 'narrow', cell: (row) => row.tags.map((one) => html`<${Badge} key=${one} state="info">${one}<//> `) },
    { key: 'customer', title: t('customers.customer'), sort: (row) => row.customer, cell: (row) => html`<span class="mono soft">${row.customer}</span>` },
  ];
  return html`<div class="page"><div class="page-head"><h1>${t('customers.title')}</h1>
      ${who.role === 'administrator' && html`<${Button} icon="upload" onClick=${() => go('/customers/import')}>${t('customers.import')}<//>`}
      ${mayChange(who) && html`<${Button} kind="primary" icon="plus" onClick=${() => edit(true)}>${t('customers.new')}<//>`}</div>
    <${Card}><div class="customers-filters">
      <${Field} label=${t('customers.search')} kind="search" placeholder=${t('customers.search_hint')} value=${text} onChange=${setText} />
      <${Field} label=${t('customers.tag')} value=${tag} onChange=${setTag} />
      <${Field} label=${t('customers.vip_only')} kind="checkbox" value=${vip} onChange=${setVip} /></div>
      ${found === null ? html`<${Skeleton} />` : html`<${Table} keyOf=${(row) => row.customer} rows=${found.rows} columns=${columns} onRow=${open} caption=${t('customers.title')}
        empty=${text || tag || vip ? t('customers.nobody') : t('customers.none')} />`}
      ${found?.more && html`<div class="customers-more"><${Button} onClick=${() => ask(found.rows.at(-1).customer)}>${t('customers.more')}<//></div>`}<//>
    ${editing && html`<${Edit} agents=${agents} onClose=${(made) => { edit(false); if (made) open(made); }} />`}</div>`;
}
