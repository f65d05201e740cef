// What is done in a CRM when: rows are what can happen, columns the requests; a queue may have rows of its own.
import { api } from '../core/api.js';
import { html, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { attempt, Badge, Button, Card, confirm, Empty, Field } from '../ui/index.js';

const ROWS = ['missed', 'answered', 'ended', 'recording', 'callback', 'disposition'];
const METHODS = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE'];

export function Matrix({ body, onChange, site, edits, errors }) {
  const [queue, choose] = useState('');
  const actions = body.actions || {};
  const names = Object.keys(actions);
  const queues = body.queues || {};
  const rows = queue ? queues[queue] || {} : body.rows || {};
  const general = body.rows || {};
  const put = (next) => {
    const made = Object.fromEntries(ROWS.filter((row) => row in next).map((row) => [row, next[row]]));
    if (!queue) onChange(without({ ...body, rows: made }, 'rows'));
    else onChange(without({ ...body, queues: Object.keys(made).length ? { ...queues, [queue]: made } : dropped(queues, queue) }, 'queues'));
  };
  const toggle = (row, name) => {
    const before = rows[row] ?? (queue ? general[row] : undefined) ?? [];
    const next = before.includes(name) ? before.filter((one) => one !== name) : inOrder(before, name, names);
    const made = { ...rows, [row]: next };
    if (!queue && !next.length) delete made[row];
    put(made);
  };
  return html`<fieldset class="admin-part"><legend>${t('admin.crm.matrix')}</legend><p class="soft">${t('admin.crm.matrix.help')}</p>
    <div class="row"><${Field} label=${t('admin.crm.for')} kind="select" value=${queue} onChange=${choose} class="admin-name"
      options=${[{ value: '', title: t('admin.crm.every') }, ...(site.names.queue || []).map((one) => ({ value: one.name, title: `${one.title || one.name}${queues[one.name] ? ' ●' : ''}` }))]} /></div>
    ${!names.length ? html`<${Empty} text=${t('admin.crm.no_actions')} />` : html`<div class="admin-matrix"><table>
      <thead><tr><th scope="col">${t('admin.crm.when')}</th>${names.map((name) => html`<th key=${name} scope="col"><span class="mono">${name}</span></th>`)}${queue && html`<th />`}</tr></thead>
      <tbody>${ROWS.map((row) => {
        const own = row in rows;
        const list = rows[row] ?? (queue ? general[row] : undefined) ?? [];
        return html`<tr key=${row} class=${queue && !own ? 'inherited' : ''}><th scope="row">${t(`admin.crm.row.${row}`)}<small class="soft">${row}</small></th>
          ${names.map((name) => {
            const at = list.indexOf(name);
            return html`<td key=${name}><button type="button" role="checkbox" aria-checked=${at >= 0} disabled=${!edits} aria-label=${t('admin.crm.cell', { row: t(`admin.crm.row.${row}`), action: name })}
              onClick=${() => toggle(row, name)}>${at >= 0 ? at + 1 : ''}</button></td>`;
          })}
          ${queue && html`<td>${own && edits && html`<${Button} small kind="quiet" icon="close" label=${t('admin.crm.as_general')} onClick=${() => put(dropped(rows, row))} />`}</td>`}</tr>`;
      })}</tbody></table></div>`}
    ${errors.filter((one) => one.key.startsWith('rows') || one.key.startsWith('queues')).map((one) => html`<small class="error" key=${one.key}>${one.text}</small>`)}</fieldset>
    <${Actions} actions=${actions} edits=${edits} errors=${errors} onChange=${(made) => onChange(without({ ...body, actions: made }, 'actions'))}
      onRename=${(from, to) => onChange(renamed(body, from, to))} onRemove=${(name) => onChange(removed(body, name))} />`;
}

const dropped = (map, key) => Object.fromEntries(Object.entries(map).filter(([one]) => one !== key));
const without = (body, key) => (Object.keys(body[key]).length ? body : dropped(body, key));

/** Where the others stand as the columns do, so does this one; else it comes last. */
function inOrder(list, name, names) {
  const place = (one) => names.indexOf(one);
  const sorted = list.every((one, i) => !i || place(list[i - 1]) < place(one));
  const next = [...list, name];
  return sorted ? next.sort((a, b) => place(a) - place(b)) : next;
}

const mapRows = (rows, list) => Object.fromEntries(Object.entries(rows || {}).map(([row, names]) => [row, list(names)]));

function everywhere(body, list) {
  const next = { ...body };
  if (body.rows) next.rows = mapRows(body.rows, list);
  if (body.queues) next.queues = Object.fromEntries(Object.entries(body.queues).map(([queue, rows]) => [queue, mapRows(rows, list)]));
  return next;
}

function renamed(body, from, to) {
  const actions = Object.fromEntries(Object.entries(body.actions).map(([name, one]) => [name === from ? to : name, one]));
  return { ...everywhere(body, (names) => names.map((one) => (one === from ? to : one))), actions };
}

const removed = (body, name) => without({ ...everywhere(body, (names) => names.filter((one) => one !== name)), actions: dropped(body.actions, name) }, 'actions');

function Actions({ actions, edits, errors, onChange, onRename, onRemove }) {
  const [opened, open] = useState('');
  const [name, type] = useState('');
  const add = () => {
    onChange({ ...actions, [name]: { path: '/' } });
    open(name);
    type('');
  };
  return html`<fieldset class="admin-part"><legend>${t('admin.crm.actions')}</legend><p class="soft">${t('admin.crm.actions.help')}</p>
    ${Object.entries(actions).map(([one, action]) => html`<details key=${one} class="admin-action" open=${opened === one} onToggle=${(event) => { if (event.currentTarget.open) open(one); else if (opened === one) open(''); }}>
      <summary><strong>${one}</strong> <span class="mono soft">${action.method || 'POST'} ${action.path}</span>${action.when && html` <${Badge} state="info">${t('admin.crm.only', { name: action.when })}<//>`}${action.unless && html` <${Badge} state="info">${t('admin.crm.not', { name: action.unless })}<//>`}</summary>
      ${opened === one && html`<${Action} name=${one} action=${action} edits=${edits} taken=${Object.keys(actions)} errors=${errors.filter((two) => two.key === `actions.${one}` || two.key.startsWith(`actions.${one}.`))}
        onChange=${(made) => onChange({ ...actions, [one]: made })} onRename=${(to) => { onRename(one, to); open(to); }} onRemove=${async () => { if (await confirm(t('admin.remove.sure', { name: one }))) onRemove(one); }} />`}</details>`)}
    ${edits && html`<div class="admin-pair"><${Field} label=${t('admin.crm.action.new')} value=${name} onChange=${type} pattern="[A-Za-z0-9_]+" maxlength="32" />
      <${Button} small icon="plus" disabled=${!/^\w+$/.test(name) || name in actions} onClick=${add}>${t('admin.add')}<//></div>`}</fieldset>`;
}

function Action({ name, action, edits, taken, errors, onChange, onRename, onRemove }) {
  const [text, write] = useState(action.body ? JSON.stringify(action.body, null, 2) : '');
  const [bad, tell] = useState('');
  const [to, type] = useState(name);
  const put = (key, value) => {
    const next = { ...action, [key]: value };
    if (value === '' || value === undefined || (typeof value === 'object' && !Object.keys(value).length)) delete next[key];
    onChange(next);
  };
  const read = (typed) => {
    write(typed);
    try {
      const made = typed.trim() ? JSON.parse(typed) : {};
      if (typeof made !== 'object' || Array.isArray(made)) throw new Error(t('admin.crm.body.object'));
      tell('');
      put('body', made);
    } catch (error) {
      tell(error.message);
    }
  };
  const saves = Object.entries(action.save || {}).map(([one, place]) => `${one} = ${place}`).join('\n');
  const [lines, setLines] = useState(saves);
  const keep = (typed) => {
    setLines(typed);
    put('save', Object.fromEntries(typed.split('\n').map((line) => line.split('=').map((one) => one.trim())).filter(([one, place]) => one && place)));
  };
  return html`<div class="admin-fields">
      <${Field} label=${t('admin.name')} value=${to} onChange=${type} onBlur=${() => { if (to !== name && /^\w+$/.test(to) && !taken.includes(to)) onRename(to); else type(name); }} />
      <${Field} label=${t('admin.crm.method')} kind="select" value=${action.method || 'POST'} onChange=${(value) => put('method', value === 'POST' ? '' : value)} options=${METHODS.map((one) => ({ value: one, title: one }))} />
      <${Field} label=${t('admin.crm.path')} value=${action.path} onChange=${(value) => onChange({ ...action, path: value })} hint=${t('admin.crm.path.help')} class="mono" />
      <${Field} label=${t('admin.crm.when_says')} value=${action.when || ''} onChange=${(value) => put('when', value)} hint=${t('admin.crm.when_says.help')} />
      <${Field} label=${t('admin.crm.unless')} value=${action.unless || ''} onChange=${(value) => put('unless', value)} hint=${t('admin.crm.unless.help')} /></div>
    <div class="admin-fields">
      <${Field} label=${t('admin.crm.body')} kind="textarea" rows="6" class="mono" value=${text} onChange=${read} error=${bad} hint=${t('admin.crm.body.help')} spellcheck="false" />
      <${Field} label=${t('admin.crm.save')} kind="textarea" rows="6" class="mono" value=${lines} onChange=${keep} hint="contact = items.0.id" spellcheck="false" /></div>
    ${errors.map((one) => html`<p class="admin-wrong" key=${one.key}>${one.text}</p>`)}
    ${edits && html`<div><${Button} small kind="quiet" icon="trash" onClick=${onRemove}>${t('admin.remove')}<//></div>`}`;
}

/** What would be sent, by the matrix as it stands on the page. */
export function Rehearsal({ name, body, site }) {
  const [row, choose] = useState('missed');
  const [queue, within] = useState('');
  const [given, type] = useState('');
  const [found, show] = useState(null);
  const run = () => attempt(async () => {
    const values = Object.fromEntries(given.split('\n').filter((line) => line.includes('=')).map((line) => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()]));
    show(await api.post('/api/crm/dry-run', { name, row, queue, values, body }));
  });
  return html`<${Card} title=${t('admin.crm.try')} icon="wand" class="admin-rehearsal"><p class="soft">${t('admin.crm.try.help')}</p>
    <div class="admin-fields">
      <${Field} label=${t('admin.crm.when')} kind="select" value=${row} onChange=${choose} options=${ROWS.map((one) => ({ value: one, title: t(`admin.crm.row.${one}`) }))} />
      <${Field} label=${t('admin.place.queue')} kind="select" value=${queue} onChange=${within} options=${[{ value: '', title: t('admin.place.none') }, ...(site.names.queue || []).map((one) => ({ value: one.name, title: one.title || one.name }))]} />
      <${Field} label=${t('admin.crm.values')} kind="textarea" rows="3" class="mono" value=${given} onChange=${type} hint=${t('admin.crm.values.help')} placeholder="number = +48600100200" spellcheck="false" /></div>
    <div><${Button} icon="play" onClick=${run}>${t('admin.crm.try.do')}<//></div>
    ${found && (found.requests.length === 0 ? html`<${Empty} text=${t('admin.crm.nothing')} />` : html`<ol class="admin-requests">${found.requests.map((one, i) => html`
      <li key=${i} class=${one.left_out ? 'state-off' : 'state-good'}><div class="row"><strong>${one.action}</strong>
        ${one.left_out ? html`<${Badge} state="off">${t(one.why.value ? 'admin.crm.left.known' : 'admin.crm.left.unknown', one.why)}<//>` : html`<code>${one.method} ${one.url}</code>`}</div>
        ${!one.left_out && html`<dl class="admin-headers">${one.headers.map(([key, value]) => html`<div key=${key}><dt>${key}</dt><dd>${value}</dd></div>`)}</dl>
          ${one.body != null && html`<pre class="admin-code">${JSON.stringify(one.body, null, 2)}</pre>`}
          ${one.saves.length > 0 && html`<small class="soft">${t('admin.crm.saves', { names: one.saves.join(', ') })}</small>`}`}</li>`)}</ol>`)}<//>`;
}
