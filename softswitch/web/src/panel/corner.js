// At the top of every page: what the agent is, since when, and how to be something else.
import { html, useEffect, useRef, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { go, useHere } from '../core/router.js';
import { useConnection } from '../core/live.js';
import { usePhone } from '../phone/phone.js';
import { useAttention } from './attention.js';
import { Badge, Button, Clock, Icon, activityText, longestOf, reasonText, stateOf, useReasons } from '../ui/index.js';
import { orderAgent, useMe, useMyCalls, useDesk } from './desk.js';

export function StatusCorner({ who }) {
  return who.agent ? html`<${Status} who=${who} />` : null;
}

function Status({ who }) {
  const me = useMe(who);
  const desk = useDesk();
  const phone = usePhone();
  const { address } = useHere();
  const calls = useMyCalls(who, desk?.accounts || []);
  const connection = useConnection();
  const [open, setOpen] = useState(false);
  const box = useRef();
  const away = calls.find((one) => one.state === 'ringing' && !one.outward);
  useAttention(away);
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event) => {
      if (event.type === 'keydown' ? event.key === 'Escape' : !box.current.contains(event.target)) setOpen(false);
    };
    addEventListener('pointerdown', outside);
    addEventListener('keydown', outside);
    return () => {
      removeEventListener('pointerdown', outside);
      removeEventListener('keydown', outside);
    };
  }, [open]);
  const reasons = useReasons();
  if (!me) return null;
  const pick = (order, more) => async () => {
    setOpen(false);
    await orderAgent(who, order, more);
  };
  const entry = (state, text, action, now) => html`<button type="button" role="menuitemradio" aria-checked=${now} class=${`state-${state}`} onClick=${action}><i class="dot" />${text}${now && html`<${Icon} name="check" size=${16} />`}</button>`;
  return html`<div class="panel-status" ref=${box}>
    <button type="button" class=${`panel-state state-${stateOf(me)}`} aria-haspopup="menu" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <i class="dot" /><strong>${activityText(me)}</strong><${Clock} since=${me.activity === 'idle' || me.presence === 'offline' ? me.presence_since : me.since} alarm=${me.presence === 'not_ready' && me.activity === 'idle' ? longestOf(me.reason) : undefined} /><${Icon} name="down" size=${16} /></button>
    ${open && html`<div class="panel-menu" role="menu">${me.presence === 'offline'
      ? html`<p>${t('panel.offline.short')}</p>${entry('info', t('panel.login'), () => { setOpen(false); go('/panel'); }, false)}`
      : html`
        ${entry('good', t('ui.presence.ready'), pick('ready'), me.presence === 'ready')}
        ${entry('good', t('ui.presence.ready_once'), pick('ready_once'), me.presence === 'ready_once')}
        <p>${t('panel.break')}</p>
        ${reasons.filter((one) => one.offered).map(({ pause }) => entry('warn', reasonText(pause), pick('not_ready', { reason: pause }), me.presence === 'not_ready' && me.reason === pause))}
        <hr />${entry('off', t('panel.logout'), pick('logout'), false)}`}</div>`}
  </div>
  ${connection === 'again' && html`<${Badge} state="alarm" icon="alert"><span role="alert">${t('panel.unconnected')}</span><//>`}
  ${phone.state !== 'off' && html`<${Badge} state=${{ on: 'good', starting: 'ring', lost: 'ring', failed: 'alarm', elsewhere: 'off' }[phone.state]} icon="headset"><span class="hide-narrow">${t(`phone.state.${phone.state}`)}</span><//>`}
  ${away && address !== '/panel' && html`<${Button} kind="good" icon="phone-in" onClick=${() => go('/panel')}>${away.name || away.number}<//>`}`;
}
