// The board: one snapshot of queues, agents and alerts, taken again when something has happened.
import { api, path } from '../core/api.js';
import { CONDITION, changedRow, resource } from '../core/live.js';

/** The row of an agent after an event, and the queues that count them by condition. */
function moved(board, name, change) {
  const agent = board.agents.find((one) => one.agent === name);
  if (!agent) return board;
  const next = { ...agent, ...change(agent) };
  next.condition = conditionOf(next);
  const agents = changedRow(board.agents, 'agent', name, () => next);
  if (next.condition === agent.condition) return { ...board, agents };
  const queues = board.queues.map((row) => (agent.queues.includes(row.queue)
    ? { ...row, agents: { ...row.agents, [agent.condition]: (row.agents[agent.condition] || 1) - 1, [next.condition]: (row.agents[next.condition] || 0) + 1 } }
    : row));
  return { ...board, agents, queues };
}

function conditionOf({ presence, activity }) {
  if (presence === 'offline') return 'logged_out';
  if (activity === 'unreachable') return 'unreachable';
  return presence === 'not_ready' ? 'paused' : CONDITION[activity] || activity;
}

const inQueue = (board, name, change) => ({ ...board, queues: changedRow(board.queues, 'queue', name, change) });
const oldest = (callers) => ({ callers, oldest: callers.length ? Math.min(...callers.map((one) => one.joined)) : null });
const rung = (board, { queue, caller }, change) =>
  inQueue(board, queue, (row) => ({ callers: row.callers.map((one) => (one.call === caller ? { ...one, rings: change(one.rings) } : one)) }));

function patch(board, line, at) {
  switch (line.event) {
    case 'agent.activity': {
      const { activity, kind = '', queue = '' } = line;
      const ended = activity !== 'talking' && activity !== 'holding';
      return moved(board, line.agent, (row) => ({ activity, kind, queue, since: at, until: null, ...(ended && row.call ? { call: null, call_since: null } : {}) }));
    }
    case 'agent.presence': {
      const { presence, reason } = line;
      return line.queue ? undefined : moved(board, line.agent, () => ({ presence, reason, presence_since: at }));
    }
    case 'queue.entered':
      if (line.kind) return undefined;
      return inQueue(board, line.queue, (row) => ({ waiting: row.waiting + 1, ...oldest([...row.callers, {
        call: line.caller, number: line.number, name: line.display_name || '', priority: line.priority, position: line.position,
        joined: at, state: 'waiting', callback: false, rings: [],
      }].sort((a, b) => a.position - b.position)) }));
    case 'queue.left':
      return inQueue(board, line.queue, (row) => ({ waiting: Math.max(0, row.waiting - 1), ...oldest(row.callers.filter((one) => one.call !== line.caller)) }));
    case 'queue.connected': {
      const caller = board.queues.find((one) => one.queue === line.queue)?.callers.find((one) => one.call === line.caller);
      if (!caller) return undefined;
      const call = { call: caller.call, state: 'talking', number: caller.number, name: caller.name, queue: line.queue, held: false, recording: false, supervised_by: [] };
      return { ...board, agents: changedRow(board.agents, 'agent', line.agent, (row) => ({ call, call_since: at, today: { ...row.today, answered: row.today.answered + 1 } })) };
    }
    case 'queue.offered':
      return rung(board, line, (rings) => [...rings.filter((one) => one !== line.agent), line.agent]);
    case 'queue.offer_result':
      return rung(board, line, (rings) => rings.filter((one) => one !== line.agent));
    case 'queue.surge':
      return inQueue(board, line.queue, () => ({ surging: line.surging }));
    case 'queue.position': case 'queue.announced': case 'queue.ewt_told': case 'queue.tier_changed': case 'queue.tape': case 'agent.message':
      return board; // in the next snapshot
    default:
      return undefined;
  }
}

resource('board', {
  path: (after) => `/api/board?after=${after}`,
  events: [
    'queue.', 'agent.', 'callback.', 'alert.', 'supervision.', 'config.changed', 'registration.removed', 'registration.reachable', 'registration.unreachable',
    'call.held', 'call.resumed', 'call.transferred', 'call.merged', 'call.parked', 'call.unparked', 'call.picked_up', 'call.diverted',
  ],
  poll: 10_000,
  inside: {
    queues: { key: 'queue', times: { oldest: 'longest_wait' }, inside: { callers: { key: 'call', times: { joined: 'waited' } } } },
    agents: { key: 'agent', times: { since: 'seconds', presence_since: 'presence_seconds', call_since: 'call_seconds', until: '-left' } },
    alerts: { key: 'id', times: { since: 'seconds' } },
  },
  patch,
  // Who is on the other side of a call that did not come by a queue is not in the event.
  soon: (line) => line.event === 'agent.activity' && line.activity === 'talking' && Boolean(line.kind) && line.kind !== 'queue',
});

export const ADJUSTS = ['supervisor', 'administrator']; // roles that may do something, not only look

/** The phone that rings for whoever supervises: what they have said in this browser, else that of their account. */
const PHONE = 'supervisor-phone';
export const ownPhone = (who) => localStorage.getItem(PHONE) || who.account || '';
export const setOwnPhone = (phone) => (phone ? localStorage.setItem(PHONE, phone) : localStorage.removeItem(PHONE));

const supervision = (call) => path('/api/calls/{call}/supervision', { call });
export const supervise = (agent, mode, phone) => api.post(supervision(agent.call.call), { mode, agent: agent.agent, account: phone });
export const leave = (agent, phone) => api.delete(`${supervision(agent.call.call)}${phone ? `?account=${encodeURIComponent(phone)}` : ''}`);
export const orderAgent = (agent, order, reason = '') => api.post(path('/api/agents/{agent}/orders', { agent }), { order, reason });
export const write = (agent, text) => api.post(path('/api/agents/{agent}/messages', { agent }), { text });
export const steer = (call, order) => api.post(path('/api/callers/{call}/orders', { call }), order);

/** How good a service level is, given its target; nothing ended: neither good nor bad. */
export function levelState(value, target) {
  if (value == null) return 'off';
  return value >= target ? 'good' : value >= target - 0.1 ? 'warn' : 'alarm';
}

/** The worst that there is to say about a queue. */
export function queueState(queue) {
  const ready = Object.entries(queue.agents).reduce((sum, [name, count]) => sum + (AWAY.has(name) ? 0 : count), 0);
  if (queue.waiting && (!ready || queue.longest > 3 * queue.service_level_seconds)) return 'alarm';
  const level = levelState(queue.recent.sl_live.value, queue.service_level_target);
  if (level === 'alarm' || level === 'warn') return level;
  return queue.waiting && queue.longest > queue.service_level_seconds ? 'warn' : 'good';
}

export const AWAY = new Set(['logged_out', 'unreachable', 'paused']);
/** Conditions of agents as /api/board counts them, with the colour of each. */
export const CONDITIONS = {
  idle: 'good', in_use: 'talk', ringing: 'ring', wrapup: 'wrap', backoff: 'warn', paused: 'warn', unreachable: 'alarm', logged_out: 'off',
};
