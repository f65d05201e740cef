// A prompt as it was before, and recorded anew: by telephone, or with the microphone of this computer.
import { api, path } from '../core/api.js';
import { html, useEffect, useRef, useState } from '../core/html.js';
import { dateTime, t } from '../core/i18n.js';
import { attempt, Button, Clock, Dialog, Field, Table } from '../ui/index.js';

const AGAIN = 2000; // ms between two looks whether there is a new recording
const LONGEST = 60_000; // ms of a recording

export function Studio({ row, who, onClose, onDone }) {
  const [versions, set] = useState([]);
  const [account, own] = useState(who.account || '');
  const [rings, ring] = useState(false);
  const [heard, hear] = useState('');
  const newest = useRef(null);
  const where = { language: row.language, name: row.name };
  const load = () => api.get(path('/api/prompt-versions/{language}/{name}', where)).then((found) => {
    const at = found.find((one) => one.current)?.at || 0;
    if (newest.current !== null && at !== newest.current) { ring(false); onDone(); }
    newest.current = at;
    set(found);
  }, () => {});
  useEffect(() => {
    load();
    const timer = setInterval(load, AGAIN);
    return () => clearInterval(timer);
  }, []);
  const call = async () => { if (await attempt(() => api.post(path('/api/prompt-recordings/{language}/{name}', where), { account: account.trim() }))) ring(true); };
  const restore = (version) => attempt(async () => {
    await api.post(path('/api/prompt-versions/{language}/{name}', where), { version });
    await load();
  }, t('admin.studio.restored'));
  const source = (one) => (one.current ? path('/api/sounds/{language}/{name}', { ...where }) : path('/api/former-sounds/{version}/{language}/{name}', { ...where, version: one.version }));
  return html`<${Dialog} title=${t('admin.studio', { name: row.name })} onClose=${onClose} wide>
    ${row.text && html`<blockquote class="admin-says">${row.text}</blockquote>`}
    ${row.language !== 'moh' && html`<div class="admin-studio"><h3>${t('admin.studio.phone')}</h3><p class="soft">${t('admin.studio.phone.help')}</p>
      <div class="admin-pair"><${Field} label=${t('admin.studio.account')} value=${account} onChange=${own} maxlength="64" hint=${who.account ? '' : t('admin.studio.account.help')} />
        <${Button} icon="phone" onClick=${call}>${t('admin.studio.ring')}<//></div>
      ${rings && html`<p class="admin-note state-ring" role="status">${t('admin.studio.rings')}</p>`}</div>`}
    <div class="admin-studio"><h3>${t('admin.studio.mic')}</h3><${Microphone} row=${row} onDone=${load} /></div>
    <h3>${t('admin.studio.versions')}</h3>
    <${Table} rows=${versions} keyOf=${(one) => one.version || 'now'} empty=${t('admin.studio.none')} columns=${[
      { key: 'play', title: t('admin.listen'), cell: (one) => (heard === `${one.version}/${one.at}`
        ? html`<audio controls autoplay src=${source(one)} class="admin-audio" />`
        : html`<${Button} kind="quiet" small icon="play" label=${t('admin.prompt.play', { name: one.version || row.name })} onClick=${() => hear(`${one.version}/${one.at}`)} />`) },
      { key: 'at', title: t('admin.when'), cell: (one) => dateTime(1000 * one.at) },
      { key: 'do', title: t('admin.do'), align: 'end', cell: (one) => (one.current ? t('admin.studio.now') : html`<${Button} small onClick=${() => restore(one.version)}>${t('admin.studio.restore')}<//>`) },
    ]} /><//>`;
}

/** Records what the microphone hears, as PCM; it is heard before it is sent. */
function Microphone({ row, onDone }) {
  const [since, begin] = useState(0);
  const [made, keep] = useState(null);
  const tape = useRef(null);
  const drop = () => {
    const now = tape.current;
    tape.current = null;
    if (!now) return;
    clearTimeout(now.timer);
    now.node.disconnect();
    now.stream.getTracks().forEach((one) => one.stop());
    now.context.close();
  };
  useEffect(() => drop, []);
  useEffect(() => () => { if (made) URL.revokeObjectURL(made.url); }, [made]);
  const stop = () => {
    const now = tape.current;
    if (!now) return;
    drop();
    begin(0);
    const blob = wav(now.chunks, now.context.sampleRate);
    keep({ blob, url: URL.createObjectURL(blob) });
  };
  const start = () => attempt(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const context = new AudioContext();
    await context.resume();
    const node = context.createScriptProcessor(4096, 1, 1);
    const chunks = [];
    node.onaudioprocess = (event) => chunks.push(event.inputBuffer.getChannelData(0).slice());
    context.createMediaStreamSource(stream).connect(node);
    node.connect(context.destination); // it gives silence, but is not run without
    tape.current = { stream, context, node, chunks, timer: setTimeout(stop, LONGEST) };
    keep(null);
    begin(Date.now());
  });
  const send = async () => {
    if (!await attempt(() => api.put(path('/api/prompts/{language}/{name}', row), made.blob), t('admin.prompt.done', { name: row.name }))) return;
    keep(null);
    await onDone();
  };
  if (!navigator.mediaDevices) return html`<p class="soft">${t('admin.studio.mic.none')}</p>`;
  return html`<div class="row">${since
      ? html`<${Button} kind="danger" icon="stop" onClick=${stop}>${t('admin.studio.stop')}<//> <${Clock} since=${since} />`
      : html`<${Button} icon="mic" onClick=${start}>${t('admin.studio.start')}<//>`}
    ${made && html`<audio controls src=${made.url} class="admin-audio" /><${Button} kind="primary" icon="check" onClick=${send}>${t('admin.studio.use')}<//>`}</div>`;
}

/** Mono, 16 bits. */
function wav(chunks, rate) {
  const length = chunks.reduce((sum, one) => sum + one.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * length));
  const text = (at, word) => [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, 'RIFF'); view.setUint32(4, 36 + 2 * length, true); text(8, 'WAVEfmt ');
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, 'data'); view.setUint32(40, 2 * length, true);
  let at = 44;
  for (const chunk of chunks) for (const one of chunk) { view.setInt16(at, Math.max(-1, Math.min(1, one)) * 32767, true); at += 2; }
  return new Blob([view.buffer], { type: 'audio/wav' });
}
