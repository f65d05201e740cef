// A phone of an account: what to set where, a QR code by which it sets itself up, a new password.
import { api, path } from '../core/api.js';
import { html, useEffect, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { attempt, Button, Card, confirm, Dialog, Field, Tabs } from '../ui/index.js';

export function Secret({ kind, name, secret, onClose }) {
  return html`<${Dialog} title=${t('admin.secret.title', { name })} onClose=${onClose} wide=${kind === 'account'} actions=${html`<${Button} kind="primary" onClick=${onClose}>${t('admin.secret.kept')}<//>`}>
    <p>${t('admin.secret.once')}</p><output class="admin-secret mono">${secret}</output>
    ${kind === 'account' && html`<${Sheets} name=${name} password=${secret} />`}<//>`;
}

export function Phone({ kind, name }) {
  const [link, show] = useState(null);
  const [secret, tell] = useState('');
  const renew = async () => {
    if (!await confirm(t(kind === 'account' ? 'admin.password.sure' : 'admin.password.user'), { danger: true })) return;
    await attempt(async () => tell((await api.post(path(`/api/${kind}s/{name}/password`, { name }))).password));
  };
  const make = () => attempt(async () => show(await api.post(path('/api/accounts/{name}/links', { name }), {})));
  const head = html`${kind === 'account' && html`<${Button} icon="phone" onClick=${make}>${t('admin.qr')}<//>`}<${Button} icon="edit" onClick=${renew}>${t('admin.password.new')}<//>`;
  return html`<${Card} title=${t(kind === 'account' ? 'admin.phone' : 'admin.password')} icon=${kind === 'account' ? 'phone' : 'user'} class="admin-phone"><div class="row">${head}</div>
      ${kind === 'account' && html`<${Sheets} name=${name} />`}<//>
    ${secret && html`<${Secret} kind=${kind} name=${name} secret=${secret} onClose=${() => tell('')} />`}
    ${link && html`<${Dialog} title=${t('admin.qr.title')} onClose=${() => show(null)}><p>${t('admin.qr.help', { minutes: link.minutes })}</p>
      <img class="admin-qr" alt=${t('admin.qr.title')} src=${`data:image/svg+xml,${encodeURIComponent(link.qr.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"'))}`} />
      <code class="admin-link">${link.url}</code>${link.warning && html`<p class="admin-note state-warn">${link.warning}</p>`}<//>`}`;
}

export function Sheets({ name, password }) {
  const [found, set] = useState(null);
  const [family, choose] = useState('yealink');
  const [transport, travel] = useState('');
  useEffect(() => { api.get(path('/api/accounts/{name}/settings', { name }, { transport })).then(set).catch(() => set(null)); }, [name, transport]);
  if (!found) return null;
  const fill = (text) => (password ? text.replaceAll(found.password, password) : text);
  const sheet = found.phones.find((one) => one.family === family);
  const copy = () => attempt(() => navigator.clipboard.writeText(fill(sheet.file || sheet.fields.map((one) => `${one.label}: ${one.value}`).join('\n'))), t('admin.copied'));
  return html`<div class="column"><${Tabs} label=${t('admin.phone')} value=${family} onChange=${choose} tabs=${found.phones.map((one) => ({ key: one.family, title: one.title }))} />
    <${Field} kind="select" label=${t('admin.transport')} value=${transport || found.transport} onChange=${travel} options=${found.transports.map((one) => ({ value: one, title: one.toUpperCase() }))} class="admin-narrow" />
    <dl class="admin-sheet">${sheet.fields.map((one) => html`<div key=${one.label}><dt>${one.label}</dt><dd class="mono">${fill(one.value)}</dd></div>`)}</dl>
    ${sheet.file && html`<details class="admin-more"><summary>${sheet.file_name}</summary><pre class="admin-code">${fill(sheet.file)}</pre></details>`}
    <div><${Button} small icon="archive" onClick=${copy}>${t('admin.copy')}<//></div></div>`;
}
