// The versions of the site: who changed what when, what has changed since, and back.
import { api, path } from '../core/api.js';
import { html, useEffect, useState } from '../core/html.js';
import { dateTime, t } from '../core/i18n.js';
import { attempt, Button, Card, Dialog, Skeleton, Table } from '../ui/index.js';

export default function Versions({ who }) {
  const [rows, set] = useState(null);
  const [shown, show] = useState(null);
  const load = () => attempt(async () => set(await api.get('/api/versions?limit=200')));
  useEffect(() => { load(); }, []);
  const open = (row) => attempt(async () => {
    const [version, back] = await Promise.all([
      api.get(path('/api/versions/{version}', row)),
      who.role === 'administrator' ? api.post(path('/api/versions/{version}/rollback', row), { dry_run: true }) : null,
    ]);
    show({ ...version, back, newest: row.version === rows[0].version });
  });
  const rollback = async () => {
    const { version } = shown;
    show(null);
    if (await attempt(() => api.post(path('/api/versions/{version}/rollback', { version }), {}), t('admin.back.done', { version }))) load();
  };
  return html`<div class="page"><div class="page-head"><h1>${t('admin.versions')}</h1></div><${Card}>${!rows ? html`<${Skeleton} />` : html`<${Table} rows=${rows} keyOf=${(row) => row.version} onRow=${open} columns=${[
      { key: 'version', title: t('admin.number'), align: 'end', sort: (row) => row.version },
      { key: 'at', title: t('admin.when'), cell: (row) => dateTime(1000 * row.at) },
      { key: 'actor', title: t('admin.by') },
      { key: 'changes', title: t('admin.changed'), cell: (row) => html`<span class="admin-changes">${row.comment || row.changes.slice(0, 2).join('; ')}${row.changes.length > 2 ? ` +${row.changes.length - 2}` : ''}</span>` },
    ]} />`}<//>
    ${shown && html`<${Dialog} wide title=${t('admin.version', { version: shown.version })} onClose=${() => show(null)} actions=${who.role === 'administrator' && !shown.newest && html`
      <${Button} kind="danger" icon="callback" onClick=${rollback}>${t('admin.back', { version: shown.version })}<//>`}>
      <h3>${t('admin.since')}</h3><${Changes} lines=${shown.changes} />
      ${shown.back?.affected?.length > 0 && html`<h3>${t('admin.touches')}</h3><${Changes} lines=${shown.back.affected.map((one) => one.text)} />`}
      <details class="admin-more"><summary>site.toml</summary><pre class="admin-code">${shown.text}</pre></details><//>`}</div>`;
}

/** Lines of a change as the switch writes them: "+ queue sales", "~ menu hotline: ...". */
export function Changes({ lines }) {
  if (!lines.length) return html`<p class="soft">${t('admin.no_change')}</p>`;
  return html`<ul class="admin-lines">${lines.map((line, at) => html`<li key=${at} class=${{ '+': 'state-good', '-': 'state-alarm', '~': 'state-info', '!': 'state-warn' }[line[0]] || ''}>${line}</li>`)}</ul>`;
}
