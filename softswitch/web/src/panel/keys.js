// Keys that do without the mouse: Alt and a letter, so that they do not get in the way of typing.
import { html, useEffect, useRef } from '../core/html.js';
import { t } from '../core/i18n.js';
import * as phone from '../phone/phone.js';
import { Dialog } from '../ui/index.js';
import { orderAgent } from './desk.js';

const KEYS = { KeyA: 'answer', KeyX: 'hang_up', KeyH: 'hold', KeyM: 'mute', KeyT: 'transfer', KeyR: 'ready', KeyP: 'pause', KeyD: 'done' };

export function useShortcuts(now) {
  const latest = useRef(now);
  latest.current = now;
  useEffect(() => {
    const pressed = (event) => {
      if (event.key === '?' && !/INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) {
        latest.current.help();
        return;
      }
      const verb = event.altKey && !event.ctrlKey && !event.metaKey ? KEYS[event.code] || KEYS[`Key${event.key.toUpperCase()}`] : '';
      if (!verb || event.repeat || document.querySelector('dialog[open]')) return;
      event.preventDefault();
      act(verb, latest.current);
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
}

function act(verb, { who, me, calls }) {
  const here = calls.map((one) => one.phone).filter(Boolean);
  const ringing = here.find((one) => one.state === 'ringing');
  const talking = here.find((one) => one.state === 'talking' && !one.held) || here.find((one) => one.state !== 'ringing');
  ({
    answer: () => ringing && phone.answer(ringing.id),
    hang_up: () => (talking || ringing) && phone.hangUp((talking || ringing).id),
    hold: () => talking && phone.hold(talking.id, !talking.held),
    mute: () => talking && phone.mute(talking.id, !talking.muted),
    transfer: () => dispatchEvent(new Event('panel:transfer')),
    ready: () => me.presence !== 'offline' && orderAgent(who, 'ready'),
    pause: () => me.presence !== 'offline' && orderAgent(who, 'not_ready'),
    done: () => me.activity === 'wrapup' && orderAgent(who, 'end_wrap_up'),
  })[verb]();
}

export function Help({ onClose }) {
  return html`<${Dialog} title=${t('panel.keys')} onClose=${onClose}><dl class="panel-keys">${Object.entries(KEYS).map(([code, verb]) => html`
    <div key=${code}><dt><kbd>Alt</kbd> + <kbd>${code.slice(3)}</kbd></dt><dd>${t(`panel.${verb}`)}</dd></div>`)}<div><dt><kbd>?</kbd></dt><dd>${t('panel.keys')}</dd></div></dl><//>`;
}
