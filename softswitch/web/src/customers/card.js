// One customer: what is on the card, what was written down, and what went before.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, duration, t, tOr } from '../core/i18n.js';
import { useEvent } from '../core/live.js';
import { go, link } from '../core/router.js';
import { Badge, Button, Card, Dialog, Empty, Field, Icon, Skeleton, attempt, confirm, toast } from '../ui/index.js';
import { Edit, mayChange, safeLink, useAgents } from './edit.js';

export default function CustomerPage({ who, customer }) {
  const [card, set] = useState(null);
  const [missing, miss] = useState('');
  const [dialog, open] = useState('');
  const agents = useAgents();
  const address = path('/api/customers/{customer}', { customer });
  const load = () => api.get(address).then(set, (error) => miss(error.message));
  useEffect(() => {
    set(null);
    miss('');
    load();
  }, [customer]);
  useEvent('customer.', (event) => event.customer === customer && load());
  useEvent('call.disposition', (event) => card?.numbers.includes(event.number) && load());
  const back = html`<a href=${link('/customers')}><${Icon} name="left" size=${16} /> ${t('customers.title')}</a>`;
  if (missing) return html`<div class="page"><div class="page-head">${back}</div><${Card}><${Empty} text=${missing} icon="user" /><//></div>`;
  if (!card) return html`<div class="page"><${Card}><${Skeleton} lines=${6} /><//></div>`;
  const remove = async () => {
    if (await confirm(t('customers.delete_sure', { name: card.name || customer })) && await attempt(() => api.delete(address), t('customers.deleted'))) go('/customers');
  };
  const facts = [
    ['email', card.email && html`<a href=${`mailto:${card.email}`}>${card.email}</a>`],
    ['link', safeLink(card.link) && html`<a href=${safeLink(card.link)} target="_blank" rel="noopener noreferrer">${card.link}</a>`],
    ['manager', agents[card.manager] || card.manager], ['language', card.language], ['segment', card.segment], ['customer', html`<span class="mono">${card.customer}</span>`],
  ].filter(([, value]) => value);
  return html`<div class="page"><div class="page-head"><div>${back}<h1>${card.name || card.customer}</h1>
        <div class="row">${card.company && html`<span class="soft">${card.company}</span>`}${card.vip && html`<${Badge} state="wrap">VIP<//>`}${card.do_not_call && html`<${Badge} state="alarm" icon="phone-off">${t('customers.do_not_call')}<//>`}
        ${card.tags.map((one) => html`<${Badge} key=${one} state="info">${one}<//>`)}</div></div>
      ${mayChange(who) && html`<${Button} onClick=${() => open('merge')}>${t('customers.merge')}<//><${Button} kind="primary" onClick=${() => open('edit')}>${t('customers.edit')}<//>`}
      ${who.role === 'administrator' && html`<${Button} onClick=${() => open('forget')}>${t('customers.forget')}<//><${Button} kind="danger" onClick=${remove}>${t('customers.delete')}<//>`}</div>
    <div class="customers-columns">
      <div class="column">
        <${Card} title=${t('customers.contact')} icon="user"><dl class="customers-facts">
          <div><dt>${t('customers.numbers')}</dt><dd>${card.numbers.length ? card.numbers.map((one) => html`<span key=${one} class="mono">${one}</span>`) : '–'}</dd></div>
          ${facts.map(([name, value]) => html`<div key=${name}><dt>${t(`customers.${name}`)}</dt><dd>${value}</dd></div>`)}
          ${Object.entries(card.fields).map(([name, value]) => html`<div key=${`f-${name}`}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl><//>
        <${Notes} card=${card} who=${who} reload=${load} />
      </div>
      <div class="column"><${History} card=${card} agents=${agents} /></div>
    </div>
    ${dialog === 'edit' && html`<${Edit} card=${card} agents=${agents} onClose=${(done) => { open(''); if (done) load(); }} />`}
    ${dialog === 'forget' && html`<${Forget} card=${card} onClose=${(done) => { open(''); if (done) go('/customers'); }} />`}
    ${dialog === 'merge' && html`<${Merge} card=${card} onClose=${(done) => { open(''); if (done) load(); }} />`}</div>`;
}

function Notes({ card, who, reload }) {
  const [text, set] = useState('');
  const keep = async () => {
    const done = await attempt(() => api.post(path('/api/customers/{customer}/notes', { customer: card.customer }), { text }), t('customers.saved'));
    if (done) { set(''); reload(); }
  };
  return html`<${Card} title=${t('customers.notes')} icon="archive">
    ${who.role !== 'auditor' && html`<div class="customers-note"><${Field} label=${t('customers.note')} kind="textarea" maxlength="4000" value=${text} onChange=${set} />
      <${Button} disabled=${!text.trim()} onClick=${keep}>${t('customers.keep')}<//></div>`}
    ${card.notes.length === 0 ? html`<p class="soft">${t('customers.no_notes')}</p>` : html`<ul class="customers-list">${card.notes.map((one) => html`
      <li key=${one.note}><p>${one.text}</p><small class="soft">${one.author} · ${dateTime(1000 * one.at)}</small></li>`)}</ul>`}<//>`;
}

function History({ card, agents }) {
  const said = (call) => card.dispositions.filter((one) => one.call === call);
  const scores = (call) => card.surveys.filter((one) => one.call === call).map((one) => `${one.survey}: ${one.score}`);
  const open = card.callbacks.filter((one) => one.ended_at === null);
  return html`${open.length > 0 && html`<${Card} title=${t('customers.callbacks')} icon="phone-out"><ul class="customers-list">${open.map((one) => html`
      <li key=${one.callback}><p>${one.queue} · ${one.number}</p><small class="soft">${t('customers.due')} ${dateTime(1000 * one.due_at)}${one.note ? ` · ${one.note}` : ''}</small></li>`)}</ul><//>`}
    <${Card} title=${t('customers.history')} icon="clock">${card.calls.length === 0 ? html`<p class="soft">${t('customers.no_calls')}</p>` : html`<ol class="customers-history">${card.calls.map((one) => {
      const incoming = !card.numbers.includes(one.dialled);
      return html`<li key=${one.call}><${Icon} name=${incoming ? 'phone-in' : 'phone-out'} size=${18} label=${t(incoming ? 'customers.came' : 'customers.went')} />
        <div class="grow"><div class="row"><strong>${dateTime(1000 * one.started_at)}</strong>
          <${Badge} state=${one.outcome === 'answered' ? 'good' : 'off'}>${tOr(`customers.outcome.${one.outcome}`, one.outcome || t('customers.goes_on'))}<//>
          ${one.talk_seconds > 0 && html`<span class="mono soft">${duration(one.talk_seconds)}</span>`}</div>
          <div class="soft">${[one.queue, agents[one.agent] || one.agent, incoming ? one.caller : one.dialled].filter(Boolean).join(' · ')}</div>
          ${said(one.call).map((each) => html`<div key=${each.agent} class="row"><${Badge} state="talk">${each.disposition}<//>${each.note && html`<span>${each.note}</span>`}</div>`)}
          ${scores(one.call).map((each) => html`<small key=${each} class="soft">★ ${each}</small>`)}</div></li>`;
    })}</ol>`}<//>`;
}

function Merge({ card, onClose }) {
  const [text, set] = useState('');
  const [rows, show] = useState([]);
  useEffect(() => {
    if (!text.trim()) return show([]);
    const waiting = setTimeout(() => api.get(path('/api/customers', {}, { text, limit: 8 }))
      .then((found) => show(found.filter((one) => one.customer !== card.customer)), (error) => toast(error.message, { kind: 'alarm' })), 250);
    return () => clearTimeout(waiting);
  }, [text]);
  const take = (other) => async () => {
    if (!(await confirm(t('customers.merge_sure', { other: other.name || other.customer, name: card.name || card.customer })))) return;
    const done = await attempt(() => api.post(path('/api/customers/{customer}/merge', { customer: card.customer }), { other: other.customer }), t('customers.merged'));
    if (done) onClose(true);
  };
  return html`<${Dialog} title=${t('customers.merge')} onClose=${() => onClose(false)}><p class="soft">${t('customers.merge_hint', { name: card.name || card.customer })}</p>
    <${Field} label=${t('customers.search')} kind="search" value=${text} onChange=${set} />
    <ul class="customers-list">${rows.map((one) => html`<li key=${one.customer} class="row"><div class="grow"><strong>${one.name || one.customer}</strong>
      <div class="soft">${[one.company, one.numbers.join(', '), one.customer].filter(Boolean).join(' · ')}</div></div><${Button} small onClick=${take(one)}>${t('customers.take')}<//></li>`)}</ul><//>`;
}

/** The right to be forgotten: by all numbers of the card, and of other cards that turn out to be the same person's. */
function Forget({ card, onClose }) {
  const [text, set] = useState(card.name || '');
  const [rows, show] = useState([]);
  const [also, choose] = useState([]);
  useEffect(() => {
    if (!text.trim()) return show([]);
    const waiting = setTimeout(() => api.get(path('/api/customers', {}, { text, limit: 8 }))
      .then((found) => show(found.filter((one) => one.customer !== card.customer)), (error) => toast(error.message, { kind: 'alarm' })), 250);
    return () => clearTimeout(waiting);
  }, [text]);
  const shown = [...also, ...rows.filter((one) => !also.some((each) => each.customer === one.customer))];
  const numbers = [card, ...also].flatMap((one) => one.numbers);
  const forget = async () => {
    if (!(await confirm(t('customers.forget_sure', { numbers: numbers.join(', ') || '–' })))) return;
    const query = also.map((one) => `also=${encodeURIComponent(one.customer)}`).join('&');
    const done = await attempt(() => api.delete(`${path('/api/customers/{customer}/person', { customer: card.customer })}${query ? `?${query}` : ''}`), t('customers.forgotten'));
    if (done) onClose(true);
  };
  return html`<${Dialog} title=${t('customers.forget')} onClose=${() => onClose(false)} actions=${html`<${Button} kind="danger" onClick=${forget}>${t('customers.forget_do')}<//>`}>
    <p class="soft">${t('customers.forget_hint')}</p><p class="mono">${numbers.join(', ') || '–'}</p>
    <${Field} label=${t('customers.forget_also')} kind="search" value=${text} onChange=${set} />
    <ul class="customers-list">${shown.map((one) => html`<li key=${one.customer}><label class="row"><input type="checkbox" checked=${also.includes(one)}
      onChange=${(event) => choose(event.currentTarget.checked ? [...also, one] : also.filter((each) => each !== one))} />
      <span class="grow"><strong>${one.name || one.customer}</strong> <span class="soft">${[one.company, one.numbers.join(', '), one.customer].filter(Boolean).join(' · ')}</span></span></label></li>`)}</ul><//>`;
}
