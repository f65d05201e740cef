// Words for what the switch calls by names.
import { html } from '../core/html.js';
import { t, tOr } from '../core/i18n.js';
import { Badge } from '../ui/index.js';

const OUTCOME_STATE = { answered: 'good', completed: 'info', busy: 'warn', no_answer: 'warn', cancelled: 'off', rejected: 'alarm', failed: 'alarm' };
export const OUTCOMES = Object.keys(OUTCOME_STATE);

export function Outcome({ call }) {
  if (call.ended_at == null) return html`<${Badge} state="talk">${t('records.going_on')}<//>`;
  return html`<${Badge} state=${OUTCOME_STATE[call.outcome] || 'off'}>${tOr(`records.outcome.${call.outcome}`, call.outcome)}<//>`;
}

export const nameOf = (call) => call.caller_name && call.caller_name !== call.caller ? call.caller_name : '';

/** A party: the number, and the name under it. */
export function Party({ number, name }) {
  return html`<span class="records-party"><strong>${number || t('records.hidden')}</strong>${name && html`<small class="soft">${name}</small>`}</span>`;
}
