// A call that is agreed for a time: made in the panel, and a reminder when its time has come.
import { html, useRef, useState } from '../core/html.js';
import { api } from '../core/api.js';
import { t } from '../core/i18n.js';
import { refresh, useEvent, useLive } from '../core/live.js';
import { Button, Dialog, Field, attempt, toast } from '../ui/index.js';

const OLD = 60; // seconds on the list: what is younger was not agreed, but is being called just now
const local = (date) => new Date(date.getTime() - 60_000 * date.getTimezoneOffset()).toISOString().slice(0, 16);

export function Agree({ who }) {
  const [open, setOpen] = useState(false);
  const rows = useLive('callbacks');
  const known = useRef([]);
  if (rows) known.current = rows;
  useEvent('callback.due', (event) => {
    const one = known.current.find((row) => row.callback === event.callback);
    if (event.owner === who.agent && one?.age > OLD) toast(t('panel.agree.due', { name: event.caller_name || event.number }), { kind: 'warn', detail: event.note, seconds: 60 });
  });
  return html`<${Button} small icon="calendar" onClick=${() => setOpen(true)}>${t('panel.agree')}<//>${open && html`<${Form} who=${who} onClose=${() => setOpen(false)} />`}`;
}

function Form({ who, onClose }) {
  const queues = useLive('queues', (found) => found.map((one) => ({ value: one.name, title: one.title }))) || [];
  const [form, set] = useState({ number: '', name: '', queue: '', at: local(new Date(Date.now() + 3_600_000)), mine: true, note: '' });
  const put = (name) => (value) => set((before) => ({ ...before, [name]: value }));
  const keep = async () => {
    const { mine, at, ...rest } = form;
    const body = { ...rest, queue: form.queue || queues[0]?.value || '', at: new Date(at).getTime() / 1000, owner: mine ? who.agent : '' };
    if (!(await attempt(() => api.post('/api/callbacks', body), t('panel.agree.kept')))) return;
    refresh('callbacks');
    onClose();
  };
  const ready = /\d{3}/.test(form.number) && Number.isFinite(new Date(form.at).getTime());
  return html`<${Dialog} title=${t('panel.agree')} onClose=${onClose} actions=${html`<${Button} kind="primary" disabled=${!ready} onClick=${keep}>${t('ui.save')}<//>`}>
    <${Field} label=${t('panel.number')} value=${form.number} onChange=${put('number')} inputmode="tel" maxlength="64" />
    <${Field} label=${t('panel.who')} value=${form.name} onChange=${put('name')} maxlength="80" />
    <${Field} label=${t('panel.agree.at')} kind="datetime-local" value=${form.at} onChange=${put('at')} />
    ${queues.length > 1 && html`<${Field} label=${t('panel.queue')} kind="select" options=${queues} value=${form.queue || queues[0].value} onChange=${put('queue')} />`}
    <${Field} label=${t('panel.note')} value=${form.note} onChange=${put('note')} maxlength="500" />
    <${Field} label=${t('panel.agree.mine')} kind="checkbox" value=${form.mine} onChange=${put('mine')} /><//>`;
}
