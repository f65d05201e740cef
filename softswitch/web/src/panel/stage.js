// What is to be done now: log in, wait, answer, talk, write down what it was about.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { locale, t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { filled } from '../core/registry.js';
import * as phone from '../phone/phone.js';
import { Badge, Button, Card, Clock, Icon, attempt } from '../ui/index.js';
import { Controls } from './controls.js';
import { CustomerCard } from './customer.js';
import { Login } from './device.js';
import { orderAgent, useDispositions, useLast, useQueueNames } from './desk.js';

export function Stage({ who, me, desk, calls }) {
  const ringing = calls.filter((one) => one.state === 'ringing' && !one.outward);
  const talking = calls.filter((one) => !ringing.includes(one));
  const last = useLast(talking.find((one) => one.queue) || null);
  const wraps = me.activity === 'wrapup';
  if (me.presence === 'offline' && !calls.length) return html`<${Login} who=${who} me=${me} desk=${desk} />`;
  return html`
    <${Dropped} who=${who} me=${me} />
    ${ringing.map((one) => html`<${Ringing} key=${one.key} call=${one} />`)}
    ${talking.map((one) => html`<${Talking} key=${one.key} call=${one} who=${who} calls=${talking} />`)}
    ${wraps && html`<${WrapUp} who=${who} me=${me} last=${last} />`}
    ${!calls.length && !wraps && html`<${Waiting} who=${who} me=${me} desk=${desk} />`}`;
}

/** A conversation of theirs has broken off: one click, and the customer is called back (OUT-04). */
function Dropped({ who, me }) {
  const lost = useLive('callbacks', (rows) => rows.find((one) => one.kind === 'dropped' && one.owner === who.agent) || null);
  if (!lost || !['idle', 'wrapup'].includes(me.activity)) return null;
  const recall = () => orderAgent(who, me.activity === 'wrapup' ? 'end_wrap_up' : 'ready');
  return html`<${Card} class="panel-stage state-alarm"><div class="panel-line"><${Badge} state="alarm" icon="missed">${t('panel.dropped')}<//>
      <strong class="grow truncate">${lost.name || lost.number}</strong>
      ${me.activity === 'idle' && me.presence.startsWith('ready') ? html`<span class="soft">${t('panel.dropped.rings')}</span>`
    : html`<${Button} kind="good" icon="phone-out" onClick=${recall}>${t('panel.dropped.recall')}<//>`}</div><//>`;
}

function Caller({ call, children }) {
  const titles = useQueueNames();
  const name = call.name || call.phone?.name || '';
  return html`<div class="panel-caller"><span class="panel-face" aria-hidden="true"><${Icon} name=${call.outward ? 'phone-out' : 'user'} size=${30} /></span>
    <div class="grow"><strong class="panel-name truncate">${name || call.number || t('panel.unknown')}</strong>
      <div class="row soft">${name && name !== call.number && html`<span class="mono">${call.number}</span>`}${call.queue && html`<${Badge} state="info" icon="queue">${titles[call.queue] || call.queue}<//>`}${children}</div></div></div>
    <${CustomerCard} call=${call} />${filled('panel.customer').map((Filled, i) => html`<${Filled} key=${i} call=${call} />`)}`;
}

function Ringing({ call }) {
  const here = call.phone;
  return html`<${Card} class="panel-stage panel-ringing state-ring"><div class="panel-line"><${Badge} state="ring" icon="phone-in">${t('panel.ringing')}<//><${Clock} since=${here ? here.since : call.started} /></div>
    <${Caller} call=${call} />
    ${here
      ? html`<div class="panel-actions"><${Button} kind="good" icon="phone" class="big" onClick=${() => phone.answer(here.id)}>${t('panel.answer')}<//>
          <${Button} kind="danger" icon="phone-off" class="big" onClick=${() => phone.hangUp(here.id)}>${t('panel.reject')}<//></div>`
      : html`<p class="panel-hint"><${Icon} name="phone" /><span class="grow">${t('panel.answer_there')}</span>
          ${call.id && html`<${Button} kind="good" icon="phone" onClick=${() => attempt(() => api.post(path('/api/calls/{call}/answer', { call: call.id }), {}))}>${t('panel.answer')}<//>`}</p>`}<//>`;
}

function Talking({ call, who, calls }) {
  const held = call.phone ? call.phone.held : call.held;
  const quiet = held || call.phone?.theyHold;
  const state = held ? 'held' : call.legs.length > 2 && !call.consultation ? 'conference' : call.state === 'talking' ? 'talking' : call.phone?.state === 'calling' || call.state === 'ringing' ? 'calling' : call.phone?.state || call.state;
  const tones = { held: 'warn', talking: 'talk', calling: 'ring', conference: 'talk' };
  return html`<${Card} class=${`panel-stage state-${tones[state] || 'talk'}`}><div class="panel-line">
      <${Badge} state=${tones[state] || 'talk'} icon=${quiet ? 'pause' : 'phone'}>${t(`panel.call.${state in tones ? state : 'talking'}`)}<//>
      ${call.recording && html`<${Badge} state=${call.recording.paused ? 'warn' : 'alarm'} icon=${call.recording.paused ? 'pause' : 'record'}>${t(call.recording.paused ? 'panel.record.paused' : 'panel.record.on')}<//>`}
      <${Clock} since=${call.since} /></div>
    <${Caller} call=${call} /><${Controls} call=${call} who=${who} calls=${calls} />
    ${call.queue && call.id && html`<${About} call=${call.id} queue=${call.queue} small />`}<//>`;
}

function WrapUp({ who, me, last }) {
  const call = me.handled || last?.id;
  return html`<${Card} class="panel-stage state-wrap"><div class="panel-line"><${Badge} state="wrap" icon="edit">${t('ui.activity.wrapup')}<//>
      ${me.until ? html`<span class="panel-countdown"><${Clock} until=${me.until} /></span>` : html`<${Clock} since=${me.since} />`}</div>
    ${last && html`<${Caller} call=${last} />`}
    ${call && html`<${About} call=${call} queue=${last?.queue || me.queue} />`}
    <div class="panel-actions"><${Button} kind="primary" icon="check" class="big" onClick=${() => orderAgent(who, 'end_wrap_up')}>${t('panel.done')}<//>
      <${Button} icon="clock" class="big" onClick=${() => orderAgent(who, 'extend_wrap_up')}>${t('panel.extend')}<//></div><//>`;
}

/** What a call was about: one button, and a note. */
function About({ call, queue, small }) {
  const offered = useDispositions(queue);
  const [chosen, choose] = useState('');
  const [note, setNote] = useState('');
  useEffect(() => { choose(''); setNote(''); }, [call]);
  const list = offered?.dispositions || [];
  if (!list.length) return null;
  const title = (one) => (typeof one.title === 'object' ? one.title[locale()] || Object.values(one.title)[0] : one.title) || one.disposition;
  const say = async (one) => {
    if (one.note && !note.trim()) {
      choose(one.disposition);
      document.getElementById(`note-${call}`)?.focus();
      return;
    }
    if (await attempt(() => api.post(path('/api/calls/{call}/disposition', { call }), { disposition: one.disposition, note: note.trim() }), t('panel.about.kept', { title: title(one) }))) choose(one.disposition);
  };
  return html`<div class=${`panel-about ${small ? 'small' : ''}`}><h3>${t('panel.about')}${offered.required ? html` <small class="soft">${t('panel.about.required')}</small>` : ''}</h3>
    <div class="row">${list.map((one) => html`<${Button} key=${one.disposition} small aria-pressed=${chosen === one.disposition} onClick=${() => say(one)}>${title(one)}<//>`)}</div>
    <textarea id=${`note-${call}`} class="input" rows="2" aria-label=${t('panel.note')} placeholder=${t('panel.note')} value=${note} maxlength="4000" onInput=${(event) => setNote(event.currentTarget.value)} /></div>`;
}

function Waiting({ who, me, desk }) {
  const [to, setTo] = useState('');
  const state = phone.usePhone();
  const ready = me.presence.startsWith('ready');
  const dial = async (event) => {
    event.preventDefault();
    const wanted = to.trim();
    if (!wanted) return;
    if (state.state === 'on') phone.call(wanted);
    else await attempt(() => api.post('/api/calls', { number: wanted }), t('panel.your_phone'));
    setTo('');
  };
  return html`<${Card} class=${`panel-stage panel-idle state-${!me.reachable ? 'alarm' : ready ? 'good' : 'warn'}`}>
    <span class="panel-orb" aria-hidden="true"><${Icon} name=${!me.reachable ? 'alert' : ready ? 'headset' : 'pause'} size=${34} /></span>
    <div class="grow"><h1>${t(!me.reachable ? 'panel.unreachable' : ready ? 'panel.ready' : 'panel.away')}</h1>
      <p class="soft">${t(!me.reachable ? 'panel.unreachable.what' : ready ? 'panel.ready.what' : 'panel.away.what', { device: me.device })}</p></div>
    ${ready ? html`<${Button} icon="pause" onClick=${() => orderAgent(who, 'not_ready')}>${t('panel.pause')}<//>` : html`<${Button} kind="good" icon="play" onClick=${() => orderAgent(who, 'ready')}>${t('panel.go_on')}<//>`}
    <form class="panel-dial" onSubmit=${dial}><input class="input mono" inputmode="tel" aria-label=${t('panel.dial')} placeholder=${t('panel.dial')} value=${to} maxlength="64" onInput=${(event) => setTo(event.currentTarget.value)} />
      <${Button} kind="primary" type="submit" icon="phone-out" disabled=${!to.trim()}>${t('panel.call')}<//></form><//>`;
}
