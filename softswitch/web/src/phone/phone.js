// The browser as a telephone: JsSIP over the switch's WebSocket listener, with the microphone and speaker of this machine.
// One for the whole page; what shows it listens to its state.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../core/api.js';
import { beforeLogOut } from '../core/session.js';
import { Meter, Ringer, stored, store } from './sound.js';

// state: off | starting | on | lost | failed | elsewhere (another tab of this browser is the phone); problem: why it failed (key of phone.problem.*), detail: in the switch's words
let shown = { state: 'off', problem: '', detail: '', account: '', calls: [], devices: { in: [], out: [] }, microphone: '', speaker: '' };
const listeners = new Set();
const sessions = new Map(); // id -> JsSIP session
const streams = new Map(); // id -> our side
const wishes = new Map(); // id -> whether it is to be held, until it is
const ringer = new Ringer();
export const meter = new Meter();
let agent = null;
let microphone = null;
let count = 0;
let renewal = 0;

function become(change) {
  shown = { ...shown, ...change };
  for (const listener of listeners) listener(shown);
}

function changeCall(id, change) {
  become({ calls: shown.calls.map((one) => (one.id === id ? { ...one, ...change } : one)) });
  ring();
}

function ring() {
  const rings = shown.calls.some((one) => one.state === 'ringing');
  const talks = shown.calls.some((one) => one.state === 'talking');
  ringer.ring(rings, { quiet: talks });
}

export function usePhone() {
  const [found, set] = useState(shown);
  useEffect(() => {
    set(shown);
    listeners.add(set);
    return () => listeners.delete(set);
  }, []);
  return found;
}

export const phoneState = () => shown;

// --- life

const ONE = 'softswitch.phone'; // the lock of the one tab that is the phone
const LEAVING = 2_000; // ms that a page which is loaded again may take to let go of it
let letGo = null;

/** Be the one tab that is the phone; `take`: even though another one is, which is none any more then. Whether it worked. */
function only(take) {
  if (letGo || !navigator.locks) return Promise.resolve(true);
  return new Promise((done) => {
    const options = take ? { steal: true } : { signal: AbortSignal.timeout(LEAVING) };
    navigator.locks.request(ONE, options, () => {
      done(true);
      return new Promise((end) => { letGo = end; });
    }).catch(() => {
      done(false);
      if (!letGo) return;
      letGo = null; // Another tab has taken it.
      stop({ forget: false }).then(() => become({ state: 'elsewhere' }));
    });
  });
}

/** Register this browser; resolves when it is a phone, or has failed (then `state` says why). */
export async function start({ take = false } = {}) {
  if (agent || shown.state === 'starting') return;
  become({ state: 'starting', problem: '', detail: '' });
  if (!await only(take)) {
    become({ state: 'elsewhere' });
    return;
  }
  if (!navigator.mediaDevices?.getUserMedia) {
    release();
    become({ state: 'failed', problem: 'insecure' });
    return;
  }
  try {
    microphone = await open();
  } catch (error) {
    release();
    become({ state: 'failed', problem: error.name === 'NotAllowedError' ? 'denied' : 'microphone', detail: error.message });
    return;
  }
  meter.watch(microphone);
  await listDevices();
  navigator.mediaDevices.ondevicechange = listDevices;
  try {
    await register();
    store('phone.on', '1');
  } catch (error) {
    release();
    become({ state: 'failed', problem: error.status === 409 ? 'none' : 'refused', detail: error.hint || error.message });
  }
}

const open = () => navigator.mediaDevices.getUserMedia({
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...(stored('phone.microphone') ? { deviceId: stored('phone.microphone') } : {}) },
});

async function register() {
  const [{ default: JsSIP }, pass] = await Promise.all([import('jssip'), api.post('/api/session/phone', {})]);
  // A page over https may only use wss; one over http takes what needs no certificate.
  const wanted = location.protocol === 'https:' ? ['wss:'] : ['ws:', 'wss:'];
  const urls = pass.urls.filter((url) => wanted.includes(new URL(url).protocol)).sort();
  if (!urls.length) throw Object.assign(new Error('wss'), { status: 409, hint: 'sip.listen: wss://' });
  const registered = new Promise((done, failed) => {
    agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(urls[0])], uri: pass.aor, authorization_user: pass.user, password: pass.password,
      display_name: pass.name || undefined, register_expires: pass.expires, session_timers: true,
      connection_recovery_min_interval: 1, connection_recovery_max_interval: 10, user_agent: 'JsSIP softswitch',
    });
    agent.on('registered', () => { become({ state: 'on', account: pass.account, problem: '', detail: '' }); done(); });
    agent.on('registrationFailed', ({ cause, response }) => {
      failed(Object.assign(new Error(response ? `${response.status_code} ${response.reason_phrase}` : cause), { status: 0 }));
      renew(response?.status_code);
      if (!response) later(); // nobody has answered: the connection is dead, though nothing says so
    });
    agent.on('disconnected', () => shown.state === 'on' && become({ state: 'lost' }));
    agent.on('newRTCSession', ({ session, originator, request }) => adopt(session, originator === 'remote', request));
    agent.start();
  });
  await registered;
}

// The switch forgets passes when it starts anew: then another one is asked for, while nothing is being said.
function renew(status) {
  if (shown.state !== 'on' && shown.state !== 'lost') return;
  become({ state: 'lost' });
  clearTimeout(renewal);
  if (![401, 403, 407].includes(status)) return;
  renewal = setTimeout(async () => {
    const old = agent;
    agent = null;
    old?.stop();
    try {
      await register();
    } catch (error) {
      release();
      become({ state: 'failed', problem: 'refused', detail: error.message });
    }
  }, 500 + 1500 * Math.random());
}

const STRIVE = 100; // ms between two attempts to hold or resume
const AGAIN = 3_000; // ms
const ASLEEP = 20_000; // ms between two looks at the clock: the machine was asleep

/** Register once more, over a connection that works. */
function later(wait = AGAIN) {
  clearTimeout(renewal);
  renewal = setTimeout(() => {
    if (!agent || !['on', 'lost'].includes(shown.state)) return;
    if (agent.isConnected()) agent.register();
    else agent.start();
  }, wait);
}

let looked = Date.now();
setInterval(() => {
  if (Date.now() - looked > ASLEEP) later(0);
  looked = Date.now();
}, 2_000);
addEventListener('online', () => later(0));

function release() {
  clearTimeout(renewal);
  letGo?.();
  letGo = null;
  agent?.stop();
  agent = null;
  meter.watch(null);
  for (const track of microphone?.getTracks() || []) track.stop();
  microphone = null;
}

/** Be no phone any more. */
export async function stop({ forget = true } = {}) {
  if (forget) store('phone.on', '');
  ringer.ring(false);
  if (!agent) {
    become({ state: 'off', problem: '', calls: [] });
    return;
  }
  for (const session of sessions.values()) if (!session.isEnded()) session.terminate();
  const gone = new Promise((done) => {
    agent.once('unregistered', done);
    setTimeout(done, 2_000);
  });
  if (agent.isRegistered()) {
    agent.unregister();
    await gone;
  }
  release();
  sessions.clear();
  become({ state: 'off', calls: [], account: '' });
}

beforeLogOut(() => stop());

/** Whether this browser was the phone when the page was left. */
export const wasOn = () => stored('phone.on') === '1';

// --- calls

const ours = () => {
  const stream = microphone.clone();
  return { mediaStream: stream, pcConfig: { iceServers: [], rtcpMuxPolicy: 'require' }, stream };
};

function adopt(session, incoming, request) {
  const id = ++count;
  sessions.set(id, session);
  const peer = incoming ? session.remote_identity : null;
  become({
    calls: [...shown.calls, {
      id, incoming, state: incoming ? 'ringing' : 'calling', muted: false, held: false, theyHold: false, since: Date.now(), sip: request?.call_id || '',
      number: incoming ? peer.uri.user : session.remote_identity.uri.user, name: incoming ? peer.display_name || '' : '',
    }],
  });
  ring();
  const watch = (connection) => connection.addEventListener('track', ({ track }) => play(id, track));
  if (session.connection) watch(session.connection);
  else session.on('peerconnection', ({ peerconnection }) => watch(peerconnection));
  const over = ({ cause, message }) => {
    sessions.delete(id);
    silence(id);
    for (const track of streams.get(id)?.getTracks() || []) track.stop();
    streams.delete(id);
    become({ calls: shown.calls.filter((one) => one.id !== id), ended: { id, cause: message?.status_code ? String(message.status_code) : cause, at: Date.now() } });
    ring();
  };
  session.on('progress', ({ originator }) => originator === 'remote' && changeCall(id, { state: 'calling', rings: true }));
  session.on('accepted', () => changeCall(id, { state: 'talking', since: Date.now() }));
  session.on('confirmed', () => changeCall(id, { state: 'talking' }));
  session.on('ended', over);
  session.on('failed', over);
  session.on('hold', ({ originator }) => changeCall(id, originator === 'local' ? { held: true } : { theyHold: true }));
  session.on('unhold', ({ originator }) => changeCall(id, originator === 'local' ? { held: false } : { theyHold: false }));
  session.on('muted', () => changeCall(id, { muted: true }));
  session.on('unmuted', () => changeCall(id, { muted: false }));
  if (incoming && /answer-after=0|auto.?answer|alert-autoanswer/i.test(`${request.getHeader('alert-info') || ''} ${request.getHeader('call-info') || ''}`)) answer(id);
}

export function answer(id) {
  const one = shown.calls.find((call) => call.id === id);
  if (one?.state !== 'ringing') return;
  for (const other of shown.calls) if (other.state === 'talking' && !other.held) hold(other.id, true);
  const { stream, ...options } = ours();
  streams.set(id, stream);
  sessions.get(id).answer(options);
}

/** Call a number from this browser. */
export function call(target) {
  if (!agent) return;
  for (const other of shown.calls) if (other.state === 'talking' && !other.held) hold(other.id, true);
  const { stream, ...options } = ours();
  const id = count + 1;
  agent.call(target.replace(/[\s()/-]/g, ''), options);
  streams.set(id, stream);
}

/** Hold or resume. While an offer of either side is under way, the wish waits for its end. */
export function hold(id, on) {
  wishes.set(id, on);
  strive(id);
}

function strive(id) {
  const session = sessions.get(id);
  const on = wishes.get(id);
  if (!session || on === undefined || session.isOnHold().local === on || (on ? session.hold() : session.unhold())) wishes.delete(id);
  else setTimeout(strive, STRIVE, id);
}

export const hangUp = (id) => sessions.get(id)?.terminate(shown.calls.find((one) => one.id === id)?.state === 'ringing' ? { status_code: 486 } : {});
export const mute = (id, on) => (on ? sessions.get(id)?.mute({ audio: true }) : sessions.get(id)?.unmute({ audio: true }));
export const dtmf = (id, keys) => sessions.get(id)?.sendDTMF(keys, { transportType: 'RFC2833', duration: 120, interToneGap: 80 });

// --- what is heard

const speakers = new Map(); // id -> audio element

function play(id, track) {
  silence(id);
  const element = document.createElement('audio');
  element.autoplay = true;
  element.hidden = true;
  element.dataset.call = id;
  element.srcObject = new MediaStream([track]);
  document.body.append(element);
  speakers.set(id, element);
  aim(element);
  element.play().catch(() => {});
}

function silence(id) {
  const element = speakers.get(id);
  if (!element) return;
  element.srcObject = null;
  element.remove();
  speakers.delete(id);
}

const aim = (element) => element.setSinkId?.(stored('phone.speaker')).catch(() => {});

// --- devices

async function listDevices() {
  const found = await navigator.mediaDevices.enumerateDevices();
  const of = (kind) => found.filter((one) => one.kind === kind && one.deviceId).map((one) => ({ value: one.deviceId, title: one.label || one.deviceId.slice(0, 8) }));
  become({
    devices: { in: of('audioinput'), out: of('audiooutput') },
    microphone: microphone?.getAudioTracks()[0]?.getSettings().deviceId || '', speaker: stored('phone.speaker') || 'default',
  });
}

/** Another microphone, from now on and in calls that go on. */
export async function useMicrophone(device) {
  store('phone.microphone', device);
  const before = microphone;
  microphone = await open();
  meter.watch(microphone);
  for (const [id, session] of sessions) {
    const sender = session.connection?.getSenders().find((one) => one.track?.kind === 'audio');
    if (!sender) continue;
    const stream = microphone.clone();
    stream.getAudioTracks()[0].enabled = sender.track.enabled;
    await sender.replaceTrack(stream.getAudioTracks()[0]);
    for (const track of streams.get(id)?.getTracks() || []) track.stop();
    streams.set(id, stream);
  }
  for (const track of before?.getTracks() || []) track.stop();
  await listDevices();
}

export function useSpeaker(device) {
  store('phone.speaker', device);
  for (const element of speakers.values()) aim(element);
  ringer.aim(device);
  become({ speaker: device });
}

export const tryRing = () => ringer.once();
