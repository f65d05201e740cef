// What the pages of campaigns have in common.
import { html } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, number, t, tOr } from '../core/i18n.js';
import { refresh } from '../core/live.js';
import { Badge, Button, attempt, confirm } from '../ui/index.js';

export const STATUSES = ['waiting', 'shown', 'calling', 'reached', 'not_reached', 'denied', 'skipped', 'cancelled'];
const TONES = { waiting: 'info', shown: 'ring', calling: 'ring', reached: 'good', not_reached: 'warn', denied: 'alarm', skipped: 'off', cancelled: 'off' };
const OPEN = ['waiting', 'shown', 'calling'];

export const Status = ({ status }) => html`<${Badge} state=${TONES[status]}>${t(`campaigns.status.${status}`)}<//>`;

/** Whether it calls, in a word. */
export function State({ one }) {
  const [state, text] = !one.enabled ? ['off', 'off'] : one.held ? ['alarm', 'held'] : one.paused ? ['warn', 'paused'] : ['good', 'on'];
  return html`<${Badge} state=${state} title=${one.held}>${t(`campaigns.state.${text}`)}<//>`;
}

export const outcomeText = (outcome) => tOr(`campaigns.outcome.${outcome}`, outcome);
export const done = (one) => one.contacts - OPEN.reduce((sum, status) => sum + one.statuses[status], 0);
export const rate = (value) => (value == null ? '–' : `${number(value, 1)} %`);
export const nextText = (one) => (one.next_due == null ? '–' : 1000 * one.next_due <= Date.now() ? t('campaigns.now') : dateTime(1000 * one.next_due));

/** How far it is: those who are done with, by what has become of them. */
export function Progress({ one }) {
  const part = (status) => (one.contacts ? (100 * one.statuses[status]) / one.contacts : 0);
  const shown = ['reached', 'not_reached', 'denied', 'skipped', 'cancelled'].filter((status) => one.statuses[status]);
  return html`<div class="campaigns-progress"><div class="campaigns-bar" role="img" aria-label=${t('campaigns.progress_of', { done: done(one), all: one.contacts })}>
    ${shown.map((status) => html`<i key=${status} class=${`state-${TONES[status]}`} style=${{ width: `${part(status)}%` }} />`)}</div>
    <small class="soft mono">${done(one)} / ${one.contacts}</small></div>`;
}

/** Start, pause, stop. */
export function Switch({ one }) {
  const order = (verb) => async () => {
    if (verb === 'stop' && !(await confirm(t('campaigns.stop_sure', { name: one.title || one.campaign })))) return;
    if (verb === 'start' && !one.enabled && !(await confirm(t('campaigns.start_sure', { name: one.title || one.campaign, count: one.statuses.waiting }), { danger: false }))) return;
    await attempt(() => api.post(path('/api/campaigns/{campaign}/orders', { campaign: one.campaign }), { order: verb }));
    refresh('campaigns');
  };
  return html`<span class="row">
    ${(!one.enabled || one.paused) && html`<${Button} small kind="good" icon="play" onClick=${order('start')}>${t('campaigns.start')}<//>`}
    ${one.enabled && !one.paused && html`<${Button} small icon="pause" onClick=${order('pause')}>${t('campaigns.pause')}<//>`}
    ${one.enabled && html`<${Button} small icon="stop" onClick=${order('stop')}>${t('campaigns.stop')}<//>`}</span>`;
}
