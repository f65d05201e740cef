// The buttons of a conversation. Hold, mute and keys are this browser's phone's; a desk phone has its own.
import { html, useEffect, useRef, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { t } from '../core/i18n.js';
import { refresh } from '../core/live.js';
import * as phone from '../phone/phone.js';
import { Button, attempt, toast } from '../ui/index.js';
import { Consultation, Transfer } from './transfer.js';

const order = (call, where, body) => attempt(async () => {
  await api.post(path(`/api/calls/{call}/${where}`, { call }), body);
  refresh('calls');
});

export function Controls({ call, who, calls }) {
  const [pad, setPad] = useState(false);
  const [leads, setLeads] = useState(false);
  const here = call.phone;
  const talks = !call.consultation && (call.state === 'talking' || here?.state === 'talking');
  const asked = useRef(''); // who is being asked, unless something else was ordered since
  useEffect(() => {
    if (call.asks) asked.current = call.consultation.to;
    else if (asked.current) {
      toast(t('panel.consult.over', { name: asked.current }), { kind: 'warn' });
      asked.current = '';
    }
  }, [call.asks]);
  useEffect(() => {
    const open = () => talks && call.id && setLeads(true);
    addEventListener('panel:transfer', open);
    return () => removeEventListener('panel:transfer', open);
  }, [talks, call.id]);
  const hangUp = async () => {
    try {
      await api.delete(path('/api/calls/{call}', { call: call.id }));
    } catch (error) {
      if (error.status !== 404) throw error; // The other side was faster.
    }
    refresh('calls');
  };
  const end = () => (here ? phone.hangUp(here.id) : attempt(hangUp));
  return html`<div class="panel-controls">
      ${here && (talks || call.asks) && html`
        <${Button} icon=${here.muted ? 'mic-off' : 'mic'} aria-pressed=${here.muted} onClick=${() => phone.mute(here.id, !here.muted)}>${t(here.muted ? 'panel.unmute' : 'panel.mute')}<//>
        <${Button} icon=${here.held ? 'play' : 'pause'} aria-pressed=${here.held} onClick=${() => phone.hold(here.id, !here.held)}>${t(here.held ? 'panel.resume' : 'panel.hold')}<//>
        <${Button} icon="keypad" aria-pressed=${pad} aria-expanded=${pad} onClick=${() => setPad(!pad)}>${t('panel.keypad')}<//>`}
      ${!here && call.id && talks && html`<${Button} icon=${call.held ? 'play' : 'pause'} aria-pressed=${call.held} onClick=${() => order(call.id, 'hold', { order: call.held ? 'resume' : 'hold' })}>${t(call.held ? 'panel.resume' : 'panel.hold')}<//>`}
      ${call.id && talks && call.legs.length < 3 && html`<${Button} icon="transfer" onClick=${() => setLeads(true)}>${t('panel.transfer')}<//>`}
      ${call.id && call.recording && html`<${Button} icon=${call.recording.paused ? 'record' : 'pause'} onClick=${() => order(call.id, 'recording', { order: call.recording.paused ? 'resume' : 'pause' })}>${t(call.recording.paused ? 'panel.record.resume' : 'panel.record.pause')}<//>`}
      <${Button} kind="danger" icon="phone-off" onClick=${end}>${t('panel.hang_up')}<//>
    </div>
    ${call.asks && html`<${Consultation} call=${call} who=${who} onOver=${() => { asked.current = ''; }} />`}
    ${pad && here && html`<${Keypad} id=${here.id} />`}
    ${leads && html`<${Transfer} call=${call} who=${who} onClose=${() => setLeads(false)} />`}`;
}

const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'];

function Keypad({ id }) {
  const [typed, setTyped] = useState('');
  const box = useRef();
  const press = (key) => {
    phone.dtmf(id, key);
    setTyped((before) => (before + key).slice(-20));
  };
  useEffect(() => box.current.focus(), []);
  return html`<div class="panel-keypad" ref=${box} tabindex="-1" role="group" aria-label=${t('panel.keypad')} onKeyDown=${(event) => KEYS.includes(event.key) && press(event.key)}>
    <output class="mono">${typed || ' '}</output>${KEYS.map((key) => html`<button key=${key} type="button" class="button" onClick=${() => press(key)}>${key}</button>`)}</div>`;
}
