// Who calls: the customer's card with what went before, from the first ring on.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, duration, t, tOr } from '../core/i18n.js';
import { Badge, Button, Icon, attempt } from '../ui/index.js';

export function CustomerCard({ call }) {
  const [found, set] = useState(null);
  const [again, setAgain] = useState(0);
  const [note, setNote] = useState('');
  useEffect(() => {
    if (!call.id) return undefined;
    const stopped = new AbortController();
    api.get(path('/api/calls/{call}/card', { call: call.id }), { signal: stopped.signal }).then(set, () => {});
    return () => stopped.abort();
  }, [call.id, again]);
  if (!found) return null;
  const one = found.customer;
  const calls = (found.calls || []).filter((before) => before.call !== call.id).slice(0, 5);
  const notes = (found.notes || []).slice(0, 5);
  const open = (found.callbacks || []).filter((each) => !each.ended_at).length;
  if (!one && !calls.length && !notes.length) return html`<p class="panel-customer soft"><${Icon} name="card" size=${18} /> ${t('panel.card.none')}</p>`;
  const keep = async (event) => {
    event.preventDefault();
    const kept = await attempt(() => api.post(path('/api/customers/{customer}/notes', { customer: one.customer }), { text: note.trim(), call: call.id }), t('panel.card.kept'));
    if (kept) {
      setNote('');
      setAgain(again + 1);
    }
  };
  return html`<div class="panel-customer">
    ${one && html`<div class="row"><${Icon} name="card" size=${18} /><strong>${one.name || one.customer}</strong>${one.company && html`<span class="soft">${one.company}</span>`}
      ${one.vip && html`<${Badge} state="wrap" icon="star">VIP<//>`}${one.do_not_call && html`<${Badge} state="alarm" icon="phone-off">${t('customers.do_not_call')}<//>`}${one.segment && html`<${Badge} state="info">${one.segment}<//>`}
      ${(one.tags || []).map((tag) => html`<${Badge} key=${tag}>${tag}<//>`)}
      ${/^https?:\/\//.test(one.link || '') && html`<a href=${one.link} target="_blank" rel="noopener noreferrer"><${Icon} name="link" size=${16} /> ${t('panel.card.link')}</a>`}</div>
      ${(one.email || one.manager || Object.keys(one.fields || {}).length > 0) && html`<dl class="panel-facts">${[
        ['panel.card.email', one.email], ['panel.card.manager', one.manager], ...Object.entries(one.fields || {}).slice(0, 6)]
        .filter(([, value]) => value).map(([name, value]) => html`<div key=${name}><dt>${tOr(name, name)}</dt><dd>${String(value)}</dd></div>`)}</dl>`}`}
    ${open > 0 && html`<${Badge} state="warn" icon="callback">${t('panel.card.callbacks', { count: open })}<//>`}
    ${calls.length > 0 && html`<div><h3>${t('panel.card.calls')}</h3><ul class="panel-history">${calls.map((before) => html`<li key=${before.call}>
      <${Icon} name=${before.talk_seconds ? 'phone' : 'missed'} size=${16} /><span>${dateTime(1000 * before.started_at)}</span><span class="soft">${before.agent || before.queue || ''}</span>
      <span class="mono">${before.talk_seconds ? duration(before.talk_seconds) : t('panel.missed')}</span></li>`)}</ul></div>`}
    ${notes.length > 0 && html`<div><h3>${t('panel.card.notes')}</h3><ul class="panel-history">${notes.map((each) => html`<li key=${each.note}>
      <span class="grow">${each.text}</span><small class="soft">${each.author} · ${dateTime(1000 * each.at)}</small></li>`)}</ul></div>`}
    ${one && html`<form class="panel-dial" onSubmit=${keep}><input class="input" aria-label=${t('panel.card.note')} placeholder=${t('panel.card.note')} value=${note} maxlength="4000" onInput=${(event) => setNote(event.currentTarget.value)} />
      <${Button} type="submit" disabled=${!note.trim()}>${t('ui.save')}<//></form>`}
  </div>`;
}
