// What the parts of the panel know together: the agent, their calls, their day, and the orders that they give.
import { useEffect, useMemo, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { t } from '../core/i18n.js';
import { ofMine, refresh, resource, same, useEvent, useLive } from '../core/live.js';
import { usePhone } from '../phone/phone.js';
import { attempt } from '../ui/index.js';

const midnight = () => new Date().setHours(0, 0, 0, 0) / 1000;

resource('desk', {
  get path() { return path('/api/desk', {}, { since: midnight() }); },
  events: ['agent.activity', 'call.disposition'], concerns: ofMine, poll: 60_000,
});
resource('colleagues', { path: '/api/colleagues', key: 'number', poll: 5_000 });

export const useDesk = () => useLive('desk');

export const useMe = (who) => useLive('agents', (rows) => rows.find((one) => one.agent === who.agent) || false);

export const orderAgent = (who, order, more = {}) =>
  attempt(async () => {
    await api.post(path('/api/agents/{agent}/orders', { agent: who.agent }), { order, ...more });
    refresh('agents', 'queues');
  });

/** The calls that are somebody's: at their phones, or of the queue that rings them; what this browser's phone knows goes along. */
export function useMyCalls(who, accounts) {
  const me = useMe(who);
  const phone = usePhone();
  const devices = me && me.device && !accounts.includes(me.device) ? [...accounts, me.device] : accounts;
  // Who has led a caller on has nothing more to do with them.
  const known = useLive('calls', (rows) => rows.filter((one) =>
    (me && me.caller && [one.call, one.callback].includes(me.caller)) || (me && me.agent === one.agent && one.state !== 'queued' && !one.transfers)
    || devices.includes(one.account) || one.legs.some((leg) => devices.includes(leg.device))));
  // Calls without a queue are told of by nobody but this browser's own phone.
  useEffect(() => refresh('calls'), [phone.calls.map((one) => `${one.id}${one.state}`).join()]);
  return useMemo(() => joined(known || [], phone.calls, me, devices), [known, phone.calls, me, devices.join()]);
}

/** One list of what the switch knows and what this browser knows of the same calls. */
function joined(known, local, me, accounts) {
  const left = new Set(local);
  const rows = known.map((one) => {
    const calledBack = Boolean(me && one.callback && me.caller === one.callback); // a customer who is called, once the agent has answered
    const offered = me && (me.caller === one.call || calledBack) && ['offered', 'reserved'].includes(me.activity);
    const mine = local.find((call) => left.has(call) && one.legs.some((leg) => leg.sip_call_id === call.sip))
      || (offered && local.find((call) => left.has(call) && call.incoming && call.state === 'ringing')) // no leg of it is there yet
      || (calledBack && local.find((call) => left.has(call) && call.incoming))
      || local.find((call) => left.has(call) && one.account && accounts.includes(one.account) && call.number === one.dialled);
    left.delete(mine);
    const outward = (accounts.includes(one.account) && one.agent !== (me && me.agent)) || (calledBack && !offered && one.state !== 'talking');
    return {
      key: one.call, id: one.call, phone: mine || null, outward, offered, state: offered ? 'ringing' : one.state, queue: one.queue,
      number: outward ? one.dialled || one.caller : one.caller, name: outward && !calledBack ? '' : one.caller_name, since: one.talking_since && one.state === 'talking' ? one.talking_since : one.started,
      started: one.started, recording: one.recording, transfers: one.transfers, legs: one.legs, conference: one.conference,
      consultation: one.consultation, asks: Boolean(one.consultation) && accounts.includes(one.consultation.by),
      held: one.legs.some((leg) => leg.holding && accounts.includes(leg.device)),
    };
  });
  // What has just begun is here before the switch's list has it.
  for (const one of left) {
    rows.push({
      key: `phone-${one.id}`, id: '', phone: one, outward: !one.incoming, offered: false, state: one.state === 'ringing' ? 'ringing' : one.state, queue: '',
      number: one.number, name: one.name, since: one.since, started: one.since, recording: null, transfers: 0, legs: [], conference: '',
      consultation: null, asks: false, held: one.held,
    });
  }
  return rows;
}

/** What follows the last call, while nobody has said what it was about. */
export function useQueueNames() {
  return useLive('queues', (rows) => Object.fromEntries(rows.map((one) => [one.name, one.title]))) || {};
}

export function useDispositions(queue) {
  const [found, set] = useState(null);
  useEffect(() => {
    set(null);
    if (!queue) return undefined;
    const stopped = new AbortController();
    api.get(path('/api/queues/{queue}/dispositions', { queue }), { signal: stopped.signal }).then(set, () => {});
    return () => stopped.abort();
  }, [queue]);
  return found;
}

/** Remember what a component was last given that was not empty: the call that a wrap-up follows. */
export function useLast(value) {
  const [last, set] = useState(value);
  useEffect(() => {
    if (value && !same(value, last)) set(value);
  }, [value]);
  return value || last;
}

export { t, useEvent };
