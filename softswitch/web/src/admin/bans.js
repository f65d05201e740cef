// Who is not listened to.
import { api, path } from '../core/api.js';
import { html, useEffect, useState } from '../core/html.js';
import { duration, t } from '../core/i18n.js';
import { attempt, Button, Card, Field, Skeleton, Table } from '../ui/index.js';

export default function Bans({ who }) {
  const [rows, set] = useState(null);
  const [source, name] = useState('');
  const [hours, last] = useState('1');
  const load = () => attempt(async () => set(await api.get('/api/bans')));
  useEffect(() => { load(); }, []);
  const edits = who.role === 'administrator';
  const ban = async (event) => {
    event.preventDefault();
    if (await attempt(() => api.post('/api/bans', { source, seconds: 3600 * Number(hours) }), t('admin.ban.done', { source }))) { name(''); load(); }
  };
  const lift = async (row) => (await attempt(() => api.delete(path('/api/bans/{source}', row)), t('admin.ban.lifted', row))) && load();
  return html`<div class="page"><div class="page-head"><h1>${t('admin.bans')}</h1></div>
    ${edits && html`<${Card}><form class="admin-fields" onSubmit=${ban}><${Field} label=${t('admin.ban.source')} value=${source} onChange=${name} placeholder="192.0.2.9" required />
      <${Field} kind="number" label=${t('admin.ban.hours')} value=${hours} onChange=${last} min="0.1" step="any" />
      <div class="row admin-bottom"><${Button} kind="primary" type="submit" icon="shield" disabled=${!source}>${t('admin.ban')}<//></div></form><//>`}
    <${Card}>${!rows ? html`<${Skeleton} />` : html`<${Table} rows=${rows} keyOf=${(row) => row.source} empty=${t('admin.ban.none')} columns=${[
      { key: 'source', title: t('admin.ban.source'), sort: (row) => row.source },
      { key: 'reason', title: t('admin.ban.reason') },
      { key: 'left', title: t('admin.ban.left'), align: 'end', cell: (row) => duration(row.seconds_left ?? row.seconds ?? row.left) },
      ...(edits ? [{ key: 'do', title: t('admin.do'), align: 'end', cell: (row) => html`<${Button} small onClick=${() => lift(row)}>${t('admin.ban.lift')}<//>` }] : []),
    ]} />`}<//></div>`;
}
