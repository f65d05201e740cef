// People: who works here, with their telephone, their login and their queues; and the form that makes all of it at once.
import { api } from '../core/api.js';
import { html, useEffect, useMemo, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { go, link } from '../core/router.js';
import { attempt, Badge, Button, Card, Dialog, Empty, Field, Skeleton, Table } from '../ui/index.js';
import { Sheets } from './phone.js';
import { change, kindText, loadObject, mistakes, useSite } from './site.js';

const FIRST = 101; // the number of the first telephone
const ROLES = ['agent', 'supervisor', 'administrator', 'phone'];
const LETTERS = { ł: 'l', Ł: 'l', ß: 'ss', ø: 'o', đ: 'd' };

export default function People({ who }) {
  const site = useSite();
  const [found, set] = useState(null);
  const load = () => attempt(async () => {
    const [accounts, agents, users, queues, phones] = await Promise.all([
      ...['account', 'agent', 'user', 'queue'].map(async (kind) => (await api.get(`/api/site/${kind}`)).objects), api.get('/api/registrations'),
    ]);
    set(rowsOf(accounts, agents, users, queues, phones));
  });
  useEffect(() => { load(); }, []);
  if (site.error) return html`<div class="page"><${Empty} text=${site.error.message} icon="alert" /></div>`;
  const edits = who.role === 'administrator';
  const to = (kind, name) => name && html`<a href=${link(`/admin/${kind}/${encodeURIComponent(name)}`)}>${name}</a>`;
  return html`<div class="page"><div class="page-head"><h1>${t('admin.people')}</h1>
      ${edits && html`<${Button} kind="primary" icon="plus" onClick=${() => go('/admin/people/+')}>${t('admin.person.add')}<//>`}</div>
    <${Card}>${!found ? html`<${Skeleton} />` : html`<${Table} rows=${found} keyOf=${(row) => row.key} empty=${t('admin.people.none')} columns=${[
      { key: 'name', title: t('admin.person.name'), sort: (row) => row.title, cell: (row) => html`<strong>${row.title}</strong>` },
      { key: 'account', title: t('admin.person.number'), sort: (row) => row.account, cell: (row) => to('account', row.account) || '–' },
      { key: 'phone', title: t('admin.phone'), cell: (row) => (row.account ? html`<${Badge} state=${row.reachable ? 'good' : 'off'}>${t(row.reachable ? 'admin.person.there' : 'admin.person.away')}<//>` : '–') },
      { key: 'user', title: t('admin.person.login'), sort: (row) => row.user, cell: (row) => to('user', row.user) || '–' },
      { key: 'role', title: t('admin.field.role'), sort: (row) => row.role, cell: (row) => (row.role ? t(`shell.role.${row.role}`) : '–') },
      { key: 'queues', title: kindText('queue', 2), cell: (row) => html`<span class="row">${row.queues.map((one) => html`<span key=${one}>${to('queue', one)}</span>`)}${!row.queues.length && '–'}</span>` },
      { key: 'agent', title: kindText('agent'), hide: 'narrow', cell: (row) => to('agent', row.agent) || '–' },
    ]} />`}<//></div>`;
}

/** One row for each person: what belongs to the same agent or telephone belongs together. */
function rowsOf(accounts, agents, users, queues, phones) {
  const reachable = new Set(phones.map((one) => one.aor.replace(/^sips?:/, '').split('@')[0]));
  const agentOf = (account) => account.body.agent || agents.find((one) => one.body.device === account.name)?.name || '';
  const served = (agent) => queues.filter((one) => (one.body.members || []).some((two) => two.agent === agent)).map((one) => one.name);
  const taken = new Set();
  const rows = accounts.map((account) => {
    const agent = agentOf(account);
    const user = users.find((one) => one.body.account === account.name || (agent && one.body.agent === agent));
    if (user) taken.add(user.name);
    return {
      key: `account/${account.name}`, account: account.name, agent, user: user?.name || '', role: user ? user.body.role || 'agent' : '',
      title: account.body.name || user?.body.title || account.name, queues: agent ? served(agent) : user?.body.queues || [], reachable: reachable.has(account.name),
    };
  });
  const others = users.filter((one) => !taken.has(one.name)).map((one) => ({
    key: `user/${one.name}`, account: '', agent: one.body.agent || '', user: one.name, role: one.body.role || 'agent', title: one.body.title || one.name,
    queues: (one.body.queues || []).filter((two) => two !== '*'), reachable: false,
  }));
  return [...rows, ...others];
}

/** "Łucja Nowak" -> "lucja"; with the second name where there is one already. */
export function loginOf(name, taken) {
  const words = name.replace(/[łŁßøđ]/g, (one) => LETTERS[one]).normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase().match(/[a-z0-9]+/g) || [];
  const wishes = [words[0], words.join('.')].filter(Boolean);
  const free = wishes.find((one) => !taken.includes(one));
  if (free || !wishes.length) return free || '';
  let count = 2;
  while (taken.includes(`${wishes[0]}${count}`)) count += 1;
  return `${wishes[0]}${count}`;
}

/** The first number that nobody has. */
export function nextNumber(names, first = FIRST) {
  let number = first;
  while (names.includes(String(number))) number += 1;
  return String(number);
}

export function Person({ who }) {
  const site = useSite();
  const [name, setName] = useState('');
  const [number, setNumber] = useState(null);
  const [login, setLogin] = useState(null);
  const [role, setRole] = useState('agent');
  const [queues, setQueues] = useState(null);
  const [errors, tell] = useState([]);
  const [made, show] = useState(null);
  const numbers = useMemo(() => [...(site.names.account || []), ...(site.names.extension || [])].map((one) => one.name), [site.names]);
  const known = useMemo(() => [...(site.names.user || []), ...(site.names.agent || [])].map((one) => one.name), [site.names]);
  if (who.role !== 'administrator') return html`<div class="page"><${Empty} text=${t('admin.person.not')} icon="shield" /></div>`;
  if (site.error) return html`<div class="page"><${Empty} text=${site.error.message} icon="alert" /></div>`;
  if (!site.schema) return html`<div class="page"><${Card}><${Skeleton} lines=${6} /><//></div>`;
  const all = site.names.queue || [];
  const account = (number ?? nextNumber((site.names.account || []).map((one) => one.name))).trim();
  const user = (login ?? loginOf(name, known)).trim();
  const serves = queues ?? (all.length === 1 ? [all[0].name] : []);
  const works = role === 'agent', logs = role !== 'phone';
  const wrong = { number: numbers.includes(account) && t('admin.person.taken', { name: account }), login: logs && known.includes(user) && t('admin.person.taken', { name: user }) };
  const save = async (event) => {
    event.preventDefault();
    tell([]);
    try {
      const joined = works ? await Promise.all(serves.map((one) => loadObject('queue', one))) : [];
      const done = await change({ put: [
        { kind: 'account', name: account, body: { name: name.trim(), ...(works ? { agent: user } : {}), ...(role === 'supervisor' ? { supervises: ['*'] } : {}) } },
        ...(works ? [{ kind: 'agent', name: user, body: { device: account, title: name.trim() } }] : []),
        ...(logs ? [{ kind: 'user', name: user, body: { title: name.trim(), role, ...(works ? { agent: user } : { account }), ...(role === 'supervisor' ? { queues: serves.length ? serves : ['*'] } : {}) } }] : []),
        ...joined.map((one) => ({ kind: 'queue', name: one.name, body: { ...one.body, members: [...(one.body.members || []), { agent: user }] } })),
      ] }, { version: site.version });
      show({ account, user: logs ? user : '', secrets: done.secrets });
    } catch (error) {
      tell(mistakes(error).map((one) => one.text));
      if (!mistakes(error).length) await attempt(async () => { throw error; });
      site.reload();
    }
  };
  const mark = (one, on) => setQueues(on ? [...serves, one] : serves.filter((two) => two !== one));
  return html`<div class="page"><div class="page-head"><div><a class="soft" href=${link('/admin/people')}>${t('admin.people')}</a><h1>${t('admin.person.add')}</h1></div></div>
    <form class="column" onSubmit=${save}><${Card}>
      <div class="admin-fields"><${Field} label=${t('admin.person.name')} value=${name} onChange=${setName} required maxlength="64" placeholder="Anna Nowak" />
        <${Field} kind="select" label=${t('admin.person.role')} value=${role} onChange=${setRole} options=${ROLES.map((one) => ({ value: one, title: t(`admin.person.role.${one}`) }))} hint=${t(`admin.person.what.${role}`)} />
        <${Field} label=${t('admin.person.number')} value=${account} onChange=${setNumber} required error=${wrong.number} hint=${t('admin.person.number.help')} inputmode="tel" />
        ${logs && html`<${Field} label=${t('admin.person.login')} value=${user} onChange=${setLogin} required error=${wrong.login} hint=${t('admin.person.login.help')} autocapitalize="none" spellcheck="false" />`}</div>
      ${(works || role === 'supervisor') && html`<fieldset class="admin-part admin-served"><legend>${t(works ? 'admin.person.queues' : 'admin.person.sees')}</legend>
        ${all.length
          ? html`<div class="row">${all.map((one) => html`<${Field} key=${one.name} kind="checkbox" label=${one.title || one.name} value=${serves.includes(one.name)} onChange=${(on) => mark(one.name, on)} />`)}</div>`
          : html`<p class="soft">${t('admin.person.queues.none')}</p>`}
        ${!works && html`<small class="soft">${t('admin.person.sees.help')}</small>`}</fieldset>`}
      ${errors.map((one) => html`<p class="admin-wrong" role="alert" key=${one}>${one}</p>`)}<//>
      <div class="row admin-actions"><${Button} kind="primary" icon="check" type="submit" disabled=${!name.trim() || !account || (logs && !user) || wrong.number || wrong.login}>${t('admin.person.make')}<//></div></form>
    ${made && html`<${Made} name=${name} ...${made} onClose=${() => go('/admin/people')} />`}</div>`;
}

/** What somebody is handed: their login, and what their telephone is to be told. */
function Made({ name, account, user, secrets, onClose }) {
  const own = secrets[`user/${user}`];
  return html`<${Dialog} wide title=${t('admin.person.made', { name })} onClose=${onClose} actions=${html`<${Button} kind="primary" onClick=${onClose}>${t('admin.secret.kept')}<//>`}>
    <p>${t('admin.secret.once')}</p>
    ${own && html`<section class="column"><h3>${t('admin.person.browser')}</h3><p class="soft">${t('admin.person.browser.help')}</p>
      <dl class="admin-sheet"><div><dt>${t('admin.person.address')}</dt><dd class="mono">${location.origin}</dd></div>
        <div><dt>${t('admin.person.login')}</dt><dd class="mono" data-secret="user">${user}</dd></div>
        <div><dt>${t('admin.password')}</dt><dd class="mono" data-secret="password">${own}</dd></div></dl></section>`}
    <details class="admin-more"><summary>${t('admin.person.desk')}</summary><p class="soft">${t('admin.person.desk.help', { number: account })}</p>
      <output class="admin-secret mono">${secrets[`account/${account}`]}</output><${Sheets} name=${account} password=${secrets[`account/${account}`]} /></details><//>`;
}
