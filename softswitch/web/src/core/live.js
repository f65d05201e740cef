// What goes on, kept up to date: a snapshot by REST, events over a WebSocket, and the snapshot again where events say that
// it is old. Listeners are told once a frame, and only of what changed: rows that are the same stay the same object.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from './api.js';

const PAUSE = 300; // ms between two snapshots of the same resource at least
const SHARE = 4; // ... and so many times what the last one took: a slow switch is asked less
const LOST = 20_000; // ms: then a snapshot is taken although nothing happened
const SILENCE = 45_000; // ms without a message: the connection is dead (the switch speaks every 20 s)
const BACK_OFF = [500, 1_000, 2_000, 5_000, 10_000];
const SAME = 1_500; // ms by which a moment may be off between two snapshots

const resources = new Map();
const eventListeners = new Set();
let dirtyFrame = 0;
const changed = new Set();

/**
 * Something to be looked at: `key` tells its rows apart.
 * times: { since: 'seconds' }: a duration that the switch gives becomes the moment, in ms of `Date.now()`, when it began;
 *   { until: '-left' }: that which is left becomes the moment when it ends
 * inside: { callers: { key, times } }: rows inside of rows
 * path: of the API, or a function of the number of the last event that gives it
 * events: beginnings of names of events that make it old
 * patch(rows, event): what an event changes at once; returns the new rows, or undefined
 */
export function resource(name, definition) {
  resources.set(name, {
    name, times: {}, inside: {}, events: [], ...definition,
    rows: null, index: new Map(), at: 0, error: null, watchers: new Set(), due: 0, busy: false, old: false, timer: 0,
  });
}

// --- snapshots

function moments(row, definition, at, before) {
  const made = { ...row };
  for (const [name, field] of Object.entries(definition.times || {})) {
    const from = field.replace('-', '');
    const seconds = row[from];
    delete made[from];
    const value = seconds == null ? null : field.startsWith('-') ? at + 1000 * seconds : at - 1000 * seconds;
    const known = before?.[name];
    made[name] = value != null && known != null && Math.abs(known - value) < SAME ? known : value;
  }
  for (const [name, inner] of Object.entries(definition.inside || {})) {
    if (Array.isArray(row[name])) {
      const known = new Map((before?.[name] || []).map((one) => [one[inner.key], one]));
      made[name] = row[name].map((one) => moments(one, inner, at, known.get(one[inner.key])));
    }
  }
  return before && same(made, before) ? before : made;
}

export function same(a, b) {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => same(a[key], b[key]));
}

function accept(one, answer) {
  const at = Date.now();
  const rows = one.key ? answer.map((row) => moments(row, one, at, one.index.get(row[one.key]))) : moments(answer, one, at, one.rows);
  one.at = at;
  put(one, one.key && one.rows && rows.length === one.rows.length && rows.every((row, i) => row === one.rows[i]) ? one.rows : rows);
}

function put(one, rows) {
  if (rows === one.rows && !one.error) return;
  one.rows = rows;
  one.error = null;
  if (one.key) one.index = new Map(rows.map((row) => [row[one.key], row]));
  tell(one);
}

function tell(one) {
  changed.add(one);
  if (dirtyFrame) return;
  // A page that is not seen gets no frames; what it shows may be late, but must not pile up.
  dirtyFrame = document.hidden ? setTimeout(flush, 250) : requestAnimationFrame(flush);
}

function flush() {
  dirtyFrame = 0;
  const told = [...changed];
  changed.clear();
  for (const one of told) for (const watcher of [...one.watchers]) watcher();
}

document.addEventListener('visibilitychange', () => {
  if (changed.size) {
    dirtyFrame = 0;
    flush();
  }
});

async function take(one) {
  clearTimeout(one.timer);
  one.timer = 0;
  if (!one.watchers.size) return;
  one.busy = true;
  one.old = false;
  const began = performance.now();
  try {
    accept(one, await api.get(typeof one.path === 'function' ? one.path(stream.after ?? 0) : one.path));
  } catch (error) {
    one.error = error;
    tell(one);
  }
  one.busy = false;
  const took = performance.now() - began;
  one.due = performance.now() + Math.max(PAUSE, SHARE * took);
  plan(one, one.old || one.error ? (one.error ? 3_000 : 0) : one.poll || LOST);
}

function plan(one, wait) {
  if (!one.watchers.size) return;
  const at = Math.max(one.due, performance.now() + wait);
  if (one.timer && one.planned <= at) return;
  clearTimeout(one.timer);
  one.planned = at;
  one.timer = setTimeout(take, at - performance.now(), one);
}

/** Take a new snapshot soon: something was done that changes it. */
export function refresh(...names) {
  for (const name of names) {
    const one = resources.get(name);
    if (one.busy) one.old = true;
    else plan(one, 0);
  }
}

// --- events

const stream = { socket: null, after: null, tries: 0, timer: 0, heard: 0, state: 'off', watchers: new Set() };

function become(state) {
  if (stream.state === state) return;
  stream.state = state;
  for (const watcher of stream.watchers) watcher(state);
}

export function connect() {
  disconnect();
  open();
}

export function disconnect() {
  clearTimeout(stream.timer);
  const { socket } = stream;
  Object.assign(stream, { socket: null, after: null, tries: 0 });
  socket?.close();
  for (const one of resources.values()) Object.assign(one, { rows: null, index: new Map(), error: null });
  become('off');
}

function open() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new WebSocket(`${scheme}://${location.host}/api/events${stream.after == null ? '' : `?after=${stream.after}`}`);
  stream.socket = socket;
  stream.heard = Date.now();
  become(stream.tries ? 'again' : 'connecting');
  socket.onmessage = ({ data }) => socket === stream.socket && receive(JSON.parse(data));
  socket.onclose = ({ code }) => {
    if (socket !== stream.socket) return;
    stream.socket = null;
    if (code === 4401) { // The session is over: whatever is asked next says so.
      become('off');
      api.get('/api/session').catch(() => {});
      return;
    }
    if (code === 1008 || code === 1013) stream.after = null; // What was missed is in the next snapshots.
    become('again');
    const wait = BACK_OFF[Math.min(stream.tries++, BACK_OFF.length - 1)];
    stream.timer = setTimeout(open, wait * (0.5 + Math.random()));
  };
}

setInterval(() => {
  if (stream.socket && Date.now() - stream.heard > SILENCE) stream.socket.close();
}, 5_000);

function receive(line) {
  stream.heard = Date.now();
  if (line.event === 'following' || line.event === 'nothing') {
    stream.after = line.after;
    if (line.event === 'following') {
      stream.tries = 0;
      become('on');
      refresh(...[...resources.values()].filter((one) => one.watchers.size).map((one) => one.name));
    }
    return;
  }
  stream.after = line.seq;
  for (const one of resources.values()) {
    if (!one.watchers.size || !one.events.some((beginning) => line.event.startsWith(beginning))) continue;
    const rows = one.rows && one.patch ? one.patch(one.rows, line) : undefined;
    if (rows) put(one, rows);
    if (one.busy) one.old = true;
    else plan(one, 0);
  }
  for (const [beginning, listener] of eventListeners) if (line.event.startsWith(beginning)) listener(line);
}

/** Call `listener(event)` for events whose names begin so. Returns how to stop. */
export function onEvent(beginning, listener) {
  const entry = [beginning, listener];
  eventListeners.add(entry);
  return () => eventListeners.delete(entry);
}

export function useEvent(beginning, listener) {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => onEvent(beginning, (line) => latest.current(line)), [beginning]);
}

/** "on", "connecting", "again" (lost, being tried) or "off". */
export function useConnection() {
  const [state, set] = useState(stream.state);
  useEffect(() => {
    set(stream.state);
    stream.watchers.add(set);
    return () => stream.watchers.delete(set);
  }, []);
  return state;
}

/**
 * What `select(rows)` gives of a resource; the component is drawn again when that changes, and only then. null until the
 * first snapshot is here. `select` may be another function at each drawing.
 */
export function useLive(name, select = (rows) => rows) {
  const one = resources.get(name);
  const latest = useRef(select);
  latest.current = select;
  const pick = () => (one.rows === null ? null : latest.current(one.rows));
  const shown = useRef();
  const [, again] = useState(0);
  const value = pick();
  if (!same(shown.current, value)) shown.current = value;
  useEffect(() => {
    const watcher = () => {
      const next = pick();
      if (!same(next, shown.current)) again((count) => count + 1);
    };
    one.watchers.add(watcher);
    if (one.watchers.size === 1) take(one);
    else watcher();
    return () => one.watchers.delete(watcher);
  }, [name]);
  return shown.current;
}

/** Why the last snapshot of a resource could not be had: an ApiError, or null. */
export function useTrouble(name) {
  const one = resources.get(name);
  const [error, set] = useState(one.error);
  useEffect(() => {
    const watcher = () => set(one.error);
    one.watchers.add(watcher);
    watcher();
    return () => one.watchers.delete(watcher);
  }, [name]);
  return error;
}

// --- what every area may look at

const REPLACED = (rows, key, value, change) => rows.map((row) => (row[key] === value ? { ...row, ...change(row) } : row));

resource('agents', {
  path: '/api/agents', key: 'agent', events: ['agent.', 'queue.offer', 'queue.connected', 'config.changed'],
  times: { since: 'seconds', presence_since: 'presence_seconds', idle_since: 'idle_seconds', until: '-left' },
  patch: (rows, line) => {
    if (line.event === 'agent.activity') {
      return REPLACED(rows, 'agent', line.agent, () => ({ activity: line.activity, since: Date.now() }));
    }
    if (line.event === 'agent.presence' && !line.queue) {
      const { presence, reason } = line;
      return REPLACED(rows, 'agent', line.agent, () => ({ presence, reason, presence_since: Date.now() }));
    }
    return undefined;
  },
});
resource('queues', {
  path: '/api/queues', key: 'name', events: ['queue.', 'agent.', 'callback.', 'config.changed'],
  times: { oldest: 'longest_wait' },
  inside: { callers: { key: 'caller', times: { joined: 'waited' }, inside: { offers: { key: 'offer', times: { since: 'seconds' } } } } },
});
resource('calls', {
  path: '/api/calls', key: 'call', events: ['call.', 'leg.', 'queue.', 'agent.', 'recording.', 'transfer.', 'conference.'], poll: 2_500,
  times: { started: 'seconds', talking_since: 'talking_seconds' },
});
resource('callbacks', { path: '/api/callbacks', key: 'callback', events: ['callback.', 'queue.left', 'config.changed'] });
resource('hours', { path: '/api/hours', key: 'hours', events: ['hours.', 'config.changed'], poll: 60_000 });
resource('status', { path: '/api/status', poll: 5_000 });
