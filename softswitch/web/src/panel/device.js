// At which phone the agent works: logging in, and the microphone and speaker of this browser.
import { html, useEffect, useRef, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import * as phone from '../phone/phone.js';
import { Badge, Button, Card, Field, Icon } from '../ui/index.js';
import { permitNotices } from './attention.js';
import { orderAgent } from './desk.js';

export function Login({ who, me, desk }) {
  const state = phone.usePhone();
  const [where, setWhere] = useState(desk.browser && desk.accounts.length && (phone.wasOn() || !me.reachable) ? 'browser' : 'desk');
  const [device, setDevice] = useState(desk.accounts[0] || me.device || '');
  const begin = async (event) => {
    event?.preventDefault();
    let account = device.trim();
    permitNotices();
    if (where === 'browser') {
      await phone.start();
      if (phone.phoneState().state !== 'on') return;
      account = phone.phoneState().account;
    } else if (phone.phoneState().state !== 'off') await phone.stop();
    await orderAgent(who, 'login', { device: account });
  };
  const choice = (key, icon, disabled) => html`<label class=${`panel-choice ${where === key ? 'chosen' : ''} ${disabled ? 'disabled' : ''}`}>
    <input type="radio" name="where" class="visually-hidden" checked=${where === key} disabled=${disabled} onChange=${() => setWhere(key)} />
    <${Icon} name=${icon} size=${30} /><strong>${t(`panel.where.${key}`)}</strong><small>${t(`panel.where.${key}.what`)}</small></label>`;
  return html`<${Card} class="panel-stage panel-login"><div><h1>${t('panel.hello', { name: me.title })}</h1><p class="soft">${t('panel.where')}</p></div>
    <form class="column" onSubmit=${begin}><div class="panel-choices">${choice('browser', 'headset', !desk.browser || !desk.accounts.length)}${choice('desk', 'phone', false)}</div>
      ${where === 'desk' && html`<${Field} label=${t('panel.device')} value=${device} onChange=${setDevice} maxlength="64" required inputmode="tel" hint=${t('panel.device.what')} />`}
      ${where === 'browser' && html`<${Trouble} state=${state}><${Button} small icon="phone" onClick=${() => setWhere('desk')}>${t('panel.where.desk.instead')}<//><//>`}
      <${Button} kind="primary" type="submit" class="big" icon="play" busy=${state.state === 'starting'}>${t('panel.login')}<//></form><//>`;
}

function Trouble({ state, children }) {
  if (state.state === 'elsewhere') {
    return html`<p class="login-error" role="alert"><${Icon} name="alert" size=${18} /><span>${t('phone.elsewhere')}</span><${Button} small onClick=${() => phone.start({ take: true })}>${t('phone.elsewhere.take')}<//></p>`;
  }
  if (state.state !== 'failed') return null;
  return html`<p class="login-error" role="alert"><${Icon} name="alert" size=${18} /><span>${t(`phone.problem.${state.problem}`)}${state.detail && html`<br /><small>${state.detail}</small>`}</span>${children}</p>`;
}

/** The phone of the agent; where it is this browser: its devices, with how loud the microphone is. */
export function PhoneCard({ me, desk }) {
  const state = phone.usePhone();
  const away = ['off', 'failed', 'elsewhere'].includes(state.state);
  return html`<${Card} title=${t('panel.phone')} icon="headset" actions=${html`<${Badge} state=${away ? (me.reachable ? 'good' : 'off') : state.state === 'on' ? 'good' : 'ring'}>${t(away ? (me.reachable ? 'panel.phone.there' : 'panel.phone.gone') : `phone.state.${state.state}`)}<//>`}>
    ${away
      ? html`<div class="column"><p class="soft">${t('panel.phone.desk', { device: me.device || '–' })}</p><${Trouble} state=${state} />
          ${desk.browser && desk.accounts.length > 0 && state.state !== 'elsewhere' && html`<${Button} small icon="headset" onClick=${() => phone.start()}>${t('panel.phone.here')}<//>`}</div>`
      : html`<div class="column"><${Level} />
          <${Field} kind="select" label=${t('phone.microphone')} value=${state.microphone} options=${state.devices.in} onChange=${phone.useMicrophone} />
          ${state.devices.out.length > 0 && html`<${Field} kind="select" label=${t('phone.speaker')} value=${state.speaker} options=${state.devices.out} onChange=${phone.useSpeaker} />`}
          <div class="row"><${Button} small kind="quiet" icon="volume" onClick=${phone.tryRing}>${t('phone.try')}<//>
            <${Button} small kind="quiet" icon="close" onClick=${() => phone.stop()}>${t('phone.stop')}<//></div></div>`}<//>`;
}

function Level() {
  const bar = useRef();
  useEffect(() => phone.meter.listen((level) => { if (bar.current) bar.current.style.transform = `scaleX(${level.toFixed(3)})`; }), []);
  return html`<div class="panel-level" role="img" aria-label=${t('phone.level')}><${Icon} name="mic" size=${18} /><div><span ref=${bar} /></div></div>`;
}
