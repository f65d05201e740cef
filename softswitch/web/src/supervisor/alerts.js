// Alerts: how they are told, their list, and the bell that stands on every page.
import { html } from '../core/html.js';
import { duration, number, percent, t } from '../core/i18n.js';
import { useEvent, useLive } from '../core/live.js';
import { link } from '../core/router.js';
import { Badge, Clock, Icon, reasonText, toast } from '../ui/index.js';

const measure = (condition, value) =>
  value == null ? '' : condition === 'service_level' ? percent(value) : condition === 'waiting' ? number(value) : duration(value);

/** One alert in words. `names`: titles of queues and agents by name. */
export function alertText(alert, names = {}) {
  const about = alert.queue || alert.agent || alert.trunk;
  return t(`supervisor.alert.${alert.condition}`, {
    about: names[about] || about, value: measure(alert.condition, alert.value), threshold: measure(alert.condition, alert.threshold),
    reason: alert.reason ? reasonText(alert.reason) : '–',
  });
}

/** Titles of queues and agents by their names. */
export const namesOf = (queues, agents) => Object.fromEntries([...queues.map((one) => [one.queue, one.title]), ...agents.map((one) => [one.agent, one.title])]);

const state = (alert) => (alert.severity === 'critical' ? 'alarm' : 'warn');

export function AlertList({ alerts, names }) {
  if (!alerts.length) return null;
  return html`<ul class="supervisor-alerts" aria-label=${t('supervisor.alerts')}>${alerts.map((one) => html`
    <li key=${one.id} class=${`state-${state(one)}`}><${Icon} name="alert" size=${18} />
      <span class="grow">${one.title && html`<strong>${one.title}</strong> `}${alertText(one, names)}</span><${Clock} since=${one.since} /></li>`)}</ul>`;
}

/** The number of alerts, on every page; a new one is told at once. */
export function AlertBell() {
  const shown = useLive('board', ({ alerts, queues, agents }) => ({ alerts: alerts.map(({ severity }) => severity), names: namesOf(queues, agents) }));
  const alerts = shown?.alerts || [];
  useEvent('alert.raised', (event) => toast(event.title || t('supervisor.alert'), { kind: state(event), detail: alertText(event, shown?.names) }));
  if (!alerts.length) return null;
  const worst = alerts.includes('critical') ? 'alarm' : 'warn';
  return html`<a class="supervisor-bell" href=${link('/wallboard')} aria-label=${t('supervisor.alerts.count', { count: alerts.length })}>
    <${Badge} state=${worst} icon="alert">${alerts.length}<//></a>`;
}
