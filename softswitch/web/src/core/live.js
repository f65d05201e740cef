// What goes on, kept up to date: a snapshot by REST, events over a WebSocket, and the snapshot again where events say that
// it is old. Listeners are told once a frame, and only of what changed: rows that are the same stay the same object.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from './api.js';
import { currentUser } from './session.js';

const SOON = 260; // ms after an event that makes a snapshot old: the switch puts several together that are asked for within 200
const LAZY = 4_000; // ms after one whose effect is known already: only to be sure
const PAUSE = 300; // ms between two snapshots of the same resource at least
const SHARE = 4; // ... and so many times what the last one took: a slow switch is asked less
const LOST = 20_000; // ms: then a snapshot is taken although nothing happened
const SILENCE = 45_000; // ms without a message: the connection is dead (the switch speaks every 20 s)
const BACK_OFF = [500, 1_000, 2_000, 5_000, 10_000];
const PACE = 30; // ms between two drawings at least: what comes in between is drawn together
const SAME = 1_500; // ms by which a moment may be off between two snapshots
const AGE = 2; // seconds that a snapshot may be old which is taken only to be sure
const KEPT = 10_000; // ms for which events are remembered, to be put on top of snapshots that are older

const resources = new Map();
const eventListeners = new Set();
let recent = []; // [{ at, line }] of the last events
let dirtyFrame = 0;
let drawn = 0; // when it was drawn last
const changed = new Set();

/**
 * Something to be looked at: `key` tells its rows apart.
 * times: { since: 'seconds' }: a duration that the switch gives becomes the moment, in ms of `Date.now()`, when it began;
 *   { until: '-left' }: that which is left becomes the moment when it ends
 * inside: { callers: { key, times } }: rows inside of rows
 * path: of the API, or a function of the number of the event that must be in the answer
 * events: beginnings of names of events that make it old
 * patch(rows, event, at): what an event changes at once; returns the new rows, or undefined where that is not known
 * soon(event): whether a snapshot must follow soon although `patch` knows what to do: it does not know everything
 * aged: whether the API takes `age`, how old the answer may be
 * concerns(event, who, rows): whether it changes anything for whoever looks
 */
export function resource(name, definition) {
  resources.set(name, {
    name, times: {}, inside: {}, events: [], ...definition,
    rows: null, at: 0, error: null, watchers: new Set(), due: 0, busy: false, old: false, timer: 0, seq: 0, needed: 1, sure: false,
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

function accept(one, answer, began) {
  const at = Date.now();
  const index = one.key && new Map((one.rows || []).map((row) => [row[one.key], row]));
  let rows = one.key ? answer.map((row) => moments(row, one, at, index.get(row[one.key]))) : moments(answer, one, at, one.rows);
  one.seq = answer.seq || 0;
  if (one.patch) {
    // What has happened since is known already: a snapshot may be older than what is shown.
    for (const { at: when, line } of recent) {
      if (!(one.seq ? line.seq > one.seq : when > began) || !concerned(one, line, rows)) continue;
      rows = one.patch(rows, line, when) || rows;
    }
  }
  one.at = at;
  put(one, one.key && one.rows && rows.length === one.rows.length && rows.every((row, i) => row === one.rows[i]) ? one.rows : rows);
}

const concerned = (one, line, rows) =>
  one.events.some((beginning) => line.event.startsWith(beginning)) && (!rows || !one.concerns || one.concerns(line, currentUser(), rows));

function put(one, rows) {
  if (rows === one.rows && !one.error) return;
  one.rows = rows;
  one.error = null;
  tell(one);
}

function tell(one) {
  changed.add(one);
  if (dirtyFrame) return;
  // A page that is not seen gets no frames; what it shows may be late, but must not pile up.
  const wait = drawn + PACE - performance.now();
  dirtyFrame = document.hidden ? setTimeout(flush, 250) : wait > 0 ? setTimeout(() => requestAnimationFrame(flush), wait) : requestAnimationFrame(flush);
}

function flush() {
  dirtyFrame = 0;
  drawn = performance.now();
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
  const since = Date.now() - 1000 * (one.aged ? AGE + 0.5 : 0.5); // the answer may be so old
  const aged = one.aged && one.sure;
  const where = typeof one.path === 'function' ? one.path(one.patch ? one.needed : stream.after ?? 0) : one.path;
  one.sure = true;
  try {
    accept(one, await api.get(aged ? `${where}?age=${AGE}` : where), since);
  } catch (error) {
    one.error = error;
    tell(one);
  }
  one.busy = false;
  const took = performance.now() - began;
  one.due = performance.now() + Math.max(PAUSE, SHARE * took);
  plan(one, one.error ? 3_000 : one.old ? SOON : (one.poll || LOST) * (0.85 + 0.3 * Math.random()), !one.old);
}

/** `sure`: only to be sure; what is known now is known to be right. */
function plan(one, wait, sure = false) {
  if (!sure) one.sure = false;
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
    one.needed = stream.after || one.needed;
    if (one.busy) one.old = true;
    else plan(one, SOON);
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
  for (const one of resources.values()) Object.assign(one, { rows: null, error: null, seq: 0, needed: 1, sure: false });
  recent = [];
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
  const at = Date.now();
  if (recent.length && recent[0].at < at - 2 * KEPT) recent = recent.filter((one) => one.at > at - KEPT);
  recent.push({ at, line });
  for (const one of resources.values()) {
    if (!one.watchers.size || line.seq <= one.seq || !concerned(one, line, one.rows)) continue;
    const rows = one.rows && one.patch ? one.patch(one.rows, line, at) : undefined;
    if (rows) put(one, rows);
    // What is one's own is looked at soon in any case: a caller, the end of a wrap-up are not in the event.
    const known = rows && !one.soon?.(line) && !(line.agent && line.agent === currentUser()?.agent);
    if (!known) one.needed = line.seq;
    if (one.busy) one.old ||= !known;
    else plan(one, known ? LAZY * (1 + Math.random()) : SOON * (1 + Math.random() / 2), known);
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

export function changedRow(rows, key, value, change) {
  const at = rows.findIndex((row) => row[key] === value);
  if (at < 0) return rows;
  const made = rows.slice();
  made[at] = { ...rows[at], ...change(rows[at]) };
  return made;
}
const isAgent = (who) => who?.role === 'agent';

/** What an agent's page needs to know of is what names them; others see what they see. */
export const ofMine = (line, who) => !isAgent(who) || line.agent === who.agent;

resource('agents', {
  path: '/api/agents', key: 'agent', aged: true, events: ['agent.', 'queue.offer', 'queue.connected', 'config.changed'],
  times: { since: 'seconds', presence_since: 'presence_seconds', idle_since: 'idle_seconds', until: '-left' },
  concerns: (line, who) => line.event === 'config.changed' || ofMine(line, who),
  patch: (rows, line, at) => {
    if (line.event === 'agent.activity') return changedRow(rows, 'agent', line.agent, () => ({
      activity: line.activity, kind: line.kind || '', queue: line.queue || '', since: at, until: null,
    }));
    if (line.event === 'agent.presence' && !line.queue) {
      const { presence, reason } = line;
      return changedRow(rows, 'agent', line.agent, () => ({ presence, reason, presence_since: at }));
    }
    if (line.event === 'queue.offered' || line.event === 'queue.offer_result' || line.event === 'queue.connected') return rows; // told by agent.activity
    return undefined;
  },
});

export const CONDITION = { idle: 'idle', reserved: 'ringing', offered: 'ringing', talking: 'in_use', holding: 'in_use', wrapup: 'wrapup', backoff: 'backoff', unreachable: 'unreachable' };

/** The agents of a queue by condition, when one of them has gone over to another. */
function counted(row, agent, condition) {
  const member = row.members.find((one) => one.agent === agent);
  if (!member || member.condition === condition) return row;
  const agents = { ...row.agents, [member.condition]: (row.agents[member.condition] || 1) - 1, [condition]: (row.agents[condition] || 0) + 1 };
  return { ...row, agents, members: row.members.map((one) => (one === member ? { ...one, condition } : one)) };
}

const lined = (row, callers) => ({ ...row, callers, waiting: callers.length, oldest: callers.length ? Math.min(...callers.map((one) => one.joined)) : null });

resource('queues', {
  path: '/api/queues', key: 'name', aged: true, events: ['queue.', 'agent.', 'callback.', 'config.changed'],
  times: { oldest: 'longest_wait' },
  inside: { callers: { key: 'caller', times: { joined: 'waited' }, inside: { offers: { key: 'offer', times: { since: 'seconds' } } } } },
  patch: (rows, line, at) => {
    switch (line.event) {
      case 'queue.entered':
        if (line.kind) return undefined;
        return changedRow(rows, 'name', line.queue, (row) => lined(row, [...row.callers.filter((one) => one.caller !== line.caller), {
          caller: line.caller, number: line.number, name: line.display_name || '', priority: line.priority, position: line.position,
          joined: at, state: 'waiting', tier: 0, rungs: 0, callback: '', offers: [], ewt: null,
        }]));
      case 'queue.left':
        return changedRow(rows, 'name', line.queue, (row) => lined(row, row.callers.filter((one) => one.caller !== line.caller)));
      case 'queue.surge':
        return changedRow(rows, 'name', line.queue, () => ({ surging: line.surging }));
      case 'agent.activity':
        return rows.map((row) => counted(row, line.agent, CONDITION[line.activity] || line.activity));
      case 'queue.offered': case 'queue.offer_result': case 'queue.position': case 'queue.announced': case 'queue.ewt_told': case 'queue.tier_changed':
      case 'queue.connected': case 'agent.presence': case 'agent.message':
        return rows; // in the next snapshot
      default:
        return undefined;
    }
  },
});
resource('calls', {
  path: '/api/calls', key: 'call', aged: true, events: ['call.', 'leg.', 'queue.', 'agent.', 'recording.', 'transfer.', 'conference.'], poll: 5_000,
  times: { started: 'seconds', talking_since: 'talking_seconds' },
  concerns: (line, who, rows) => !isAgent(who) || line.agent === who.agent || rows.some((one) => one.call === line.call || one.call === line.caller),
});
resource('callbacks', { path: '/api/callbacks', key: 'callback', events: ['callback.', 'config.changed'], poll: 30_000 });
resource('hours', { path: '/api/hours', key: 'hours', events: ['hours.', 'config.changed'], poll: 60_000 });
resource('status', { path: '/api/status', poll: 5_000 });
