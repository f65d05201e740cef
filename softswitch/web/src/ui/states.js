// How the states of agents are called and coloured, everywhere the same.
import { t, tOr } from '../core/i18n.js';
import { reasonText } from './reasons.js';

export const ACTIVITY_STATE = {
  idle: 'good', reserved: 'ring', offered: 'ring', talking: 'talk', holding: 'talk', wrapup: 'wrap', backoff: 'warn', unreachable: 'alarm',
};

/** The colour of an agent's row of /api/agents. */
export function stateOf(agent) {
  if (agent.presence === 'offline') return 'off';
  if (['offered', 'reserved', 'talking', 'holding', 'wrapup'].includes(agent.activity)) return ACTIVITY_STATE[agent.activity];
  if (agent.presence === 'not_ready') return 'warn';
  return ACTIVITY_STATE[agent.activity] || 'off';
}

export const presenceText = (agent) =>
  agent.presence === 'not_ready' && agent.reason ? reasonText(agent.reason) : tOr(`ui.presence.${agent.presence}`, agent.presence);

/** One word for what somebody is doing. */
export function activityText(agent) {
  if (agent.presence === 'offline') return t('ui.presence.offline');
  // Who pauses is in that pause, wherever their phone is.
  if (agent.activity === 'idle' || (agent.presence === 'not_ready' && agent.activity === 'unreachable')) return presenceText(agent);
  return tOr(`ui.activity.${agent.activity}`, agent.activity);
}
