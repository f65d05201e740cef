// The board: one snapshot of queues, agents and alerts, taken again when something has happened.
import { api, path } from '../core/api.js';
import { resource } from '../core/live.js';

resource('board', {
  path: (after) => `/api/board?after=${after}`,
  events: ['queue.', 'agent.', 'callback.', 'call.', 'alert.', 'supervision.', 'registration.', 'config.changed'],
  poll: 10_000,
  inside: {
    queues: { key: 'queue', times: { oldest: 'longest_wait' }, inside: { callers: { key: 'call', times: { joined: 'waited' } } } },
    agents: { key: 'agent', times: { since: 'seconds', presence_since: 'presence_seconds', call_since: 'call_seconds', until: '-left' } },
    alerts: { key: 'id', times: { since: 'seconds' } },
  },
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
