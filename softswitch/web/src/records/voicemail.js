// Messages of one's mailboxes: heard, called back, given to an agent, deleted.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, duration, t } from '../core/i18n.js';
import { useEvent, useLive } from '../core/live.js';
import { Badge, Button, Card, Dialog, Empty, Field, Skeleton, attempt, toast } from '../ui/index.js';
import { Party } from './names.js';
import { Player } from './player.js';

const CHANGES = ['voicemail.left', 'voicemail.deleted', 'voicemail.restored', 'voicemail.purged'];

export default function Voicemail({ query, who }) {
  const [boxes, setBoxes] = useState(null);
  const [box, setBox] = useState(query.mailbox || '');
  const [rows, setRows] = useState(null);
  const [open, setOpen] = useState(0);
  const [assigning, assign] = useState(null);
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((count) => count + 1);
  for (const name of CHANGES) useEvent(name, again);
  const failed = (error) => { toast(error.message, { kind: 'alarm', detail: error.hint }); setRows((old) => old || []); };
  useEffect(() => { api.get('/api/voicemail').then(setBoxes, failed); }, [turn]);
  useEffect(() => {
    let here = true;
    api.get(path('/api/voicemail/messages', {}, { mailbox: box })).then((found) => here && setRows(found), failed);
    return () => { here = false; };
  }, [box, turn]);
  if (!boxes || !rows) return html`<div class="page"><${Skeleton} lines=${5} /></div>`;
  const may = who.role !== 'auditor';
  const order = (message, body, done) => attempt(() => api.post(path('/api/voicemail/messages/{id}/orders', message), body), done).then((fine) => fine && again());
  const remove = async (message) => order(message, { order: 'delete' }, t('records.message_deleted'));
  const callBack = (message) => attempt(() => api.post('/api/calls', { number: message.caller }), t('records.calling'));
  const hear = (message) => {
    setOpen(open === message.id ? 0 : message.id);
    setRows(rows.map((one) => (one.id === message.id ? { ...one, heard: true } : one)));
  };
  const fresh = rows.filter((one) => !one.heard).length;
  return html`<div class="page"><div class="page-head"><h1>${t('records.voicemail')}</h1>${fresh > 0 && html`<${Badge} state="info">${t('records.new_messages', { count: fresh })}<//>`}
      ${boxes.length > 1 && html`<${Field} class="records-box" label=${t('records.mailbox')} kind="select" value=${box} onChange=${setBox} options=${[{ value: '', title: t('ui.all') }, ...boxes.map((one) => ({ value: one.mailbox, title: `${one.title || one.mailbox}${one.new ? ` (${one.new})` : ''}` }))]} />`}</div>
    ${!rows.length ? html`<${Card}><${Empty} icon="missed" text=${t(boxes.length ? 'records.no_messages' : 'records.no_boxes')} /></${Card}>` : html`<ul class="records-messages">${rows.map((one) => html`
      <li key=${one.id} class=${`card ${one.heard ? '' : 'records-new'}`}><div class="records-message">
        <${Button} kind=${open === one.id ? '' : 'primary'} icon=${open === one.id ? 'up' : 'play'} label=${t(open === one.id ? 'ui.close' : 'records.play')} aria-expanded=${open === one.id} disabled=${!may} onClick=${() => { hear(one); }} />
        <${Party} number=${one.caller} name=${one.caller_name} />
        <span class="grow soft records-about">${dateTime(1000 * one.left_at)} · ${duration(one.seconds)} · ${one.mailbox}</span>
        ${!one.heard && html`<${Badge} state="info">${t('records.new')}<//>`}
        ${may && html`<span class="row records-tight">
          ${one.caller && (who.account || who.agent) && html`<${Button} small icon="callback" onClick=${() => callBack(one)}>${t('records.call_back')}<//>`}
          ${one.queue && one.caller && who.role !== 'agent' && html`<${Button} small icon="user" onClick=${() => { assign(one); }}>${t('records.assign')}<//>`}
          <${Button} small kind="quiet" icon="trash" label=${t('ui.delete')} onClick=${() => remove(one)} /></span>`}</div>
        ${open === one.id && html`<${Player} source=${path('/api/voicemail/messages/{id}/audio', one)} seconds=${one.seconds} />`}</li>`)}</ul>`}
    ${assigning && html`<${Assign} message=${assigning} onClose=${() => assign(null)} order=${order} />`}</div>`;
}

function Assign({ message, onClose, order }) {
  const agents = useLive('agents', (rows) => rows.map((one) => one.agent)) || [];
  const [agent, set] = useState('');
  const give = async () => {
    await order(message, { order: 'assign', to: agent }, t('records.assigned', { agent }));
    onClose();
  };
  return html`<${Dialog} title=${t('records.assign')} onClose=${onClose} actions=${html`<${Button} kind="primary" disabled=${!agent} onClick=${give}>${t('records.assign')}<//>`}>
    <p class="soft">${t('records.assign_text', { number: message.caller })}</p>
    <${Field} label=${t('records.agent')} kind="select" value=${agent} onChange=${set} options=${[{ value: '', title: '–' }, ...agents.map((one) => ({ value: one, title: one }))]} /><//>`;
}
