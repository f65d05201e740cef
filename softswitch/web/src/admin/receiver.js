// Somebody outside who is told what happens: whether it works, what was sent last, and what was laid aside.
import { api, path } from '../core/api.js';
import { html, useEffect, useState } from '../core/html.js';
import { dateTime, number, t } from '../core/i18n.js';
import { attempt, Badge, Button, Card, confirm, Skeleton, Stat, Table, toast } from '../ui/index.js';
import { Secret } from './phone.js';

const AGAIN = 3000; // ms between two looks
const STATES = { ok: 'good', failing: 'alarm', off: 'off' };

/** The state of one, as a badge. */
export const StateOf = ({ row }) => html`<${Badge} state=${STATES[row.state]}>${t(`admin.receiver.${row.state}`)}<//>`;

const moment = (at) => (at ? dateTime(1000 * at) : '–');

/** kind: "webhook" | "crm" */
export function Receiver({ kind, name, edits }) {
  const [row, set] = useState(null);
  const [recent, setRecent] = useState([]);
  const [dead, setDead] = useState([]);
  const [secret, show] = useState('');
  const at = (end = '') => path(`/api/receivers/${kind}/{name}${end}`, { name });
  const load = () => Promise.all([api.get(at()).then(set), api.get(at('/recent')).then(setRecent), api.get(at('/dead')).then(setDead)]).catch(() => {});
  useEffect(() => {
    load();
    const timer = setInterval(load, AGAIN);
    return () => clearInterval(timer);
  }, [name]);
  if (!row) return html`<${Card} title=${t('admin.receiver')}><${Skeleton} /><//>`;
  const on = row.state !== 'off';
  const order = (end, body, said) => attempt(async () => { const found = await api.post(at(end), body); await load(); return found; }, said);
  const test = () => attempt(async () => {
    const found = await api.post(path('/api/webhooks/{name}/test', { name }));
    toast(found.error ? t('admin.receiver.test.failed') : t('admin.receiver.test.taken', { status: found.status }), { kind: found.error ? 'alarm' : 'good', detail: found.error || t('admin.receiver.test.took', { seconds: number(found.seconds, 3) }) });
  });
  const renew = async () => {
    if (!await confirm(t('admin.receiver.secret.sure'), { danger: true })) return;
    await attempt(async () => show((await api.post(path('/api/webhooks/{name}/secret', { name }))).secret));
  };
  const skip = async () => { if (await confirm(t('admin.receiver.skip.sure'), { danger: true })) await order('/skip', {}, t('admin.saved')); };
  const discard = async (body) => { if (await confirm(t('admin.receiver.discard.sure'), { danger: true })) await order('/discard', body, t('admin.receiver.discarded')); };
  return html`<${Card} title=${t('admin.receiver')} icon="link" class="admin-receiver" actions=${html`<${StateOf} row=${row} />`}>
    <div class="stats">
      <${Stat} label=${t('admin.receiver.delivered')} value=${number(row.delivered)} />
      <${Stat} label=${t('admin.receiver.last')} value=${moment(row.last)} />
      <${Stat} label=${t('admin.receiver.waiting')} value=${number(row.waiting)} state=${row.waiting && row.error ? 'warn' : undefined} />
      <${Stat} label=${t('admin.receiver.dead')} value=${number(row.dead)} state=${row.dead ? 'alarm' : undefined} /></div>
    ${row.error && html`<p class="admin-wrong" role="status">${row.error}</p>`}
    ${edits && html`<div class="row admin-actions">
      ${kind === 'webhook' && html`<${Button} icon="play" onClick=${test}>${t('admin.receiver.test')}<//>`}
      ${on && row.error && html`<${Button} icon="callback" onClick=${() => order('/retry', {}, t('admin.receiver.tried'))}>${t('admin.receiver.now')}<//>`}
      ${on && row.waiting > 0 && html`<${Button} kind="quiet" icon="right" onClick=${skip}>${t('admin.receiver.skip')}<//>`}
      ${kind === 'webhook' && html`<${Button} kind="quiet" icon="shield" onClick=${renew}>${t('admin.receiver.secret')}<//>`}</div>`}
    <h3>${t('admin.receiver.recent')}</h3>
    <${Table} rows=${recent} keyOf=${(one) => `${one.seq}/${one.at}/${one.attempt}`} empty=${t('admin.receiver.recent.none')} columns=${[
      { key: 'at', title: t('admin.when'), cell: (one) => dateTime(1000 * one.at) },
      { key: 'event', title: t('admin.receiver.event'), cell: (one) => html`<span class="mono">${one.event}</span> <small class="soft">${one.queue}</small>` },
      { key: 'seq', title: t('admin.number'), align: 'end', hide: 'narrow', cell: (one) => one.seq },
      { key: 'seconds', title: t('admin.receiver.took'), align: 'end', cell: (one) => `${number(one.seconds, 2)} s` },
      { key: 'error', title: t('admin.receiver.answer'), cell: (one) => (one.error ? html`<${Badge} state="alarm">${one.error}<//>` : html`<${Badge} state="good">${t('admin.receiver.taken')}<//>`) },
    ]} />
    ${dead.length > 0 && html`<div class="row admin-dead-head"><h3>${t('admin.receiver.dead.title')}</h3>${edits && on && html`
        <${Button} small icon="callback" onClick=${() => order('/retry', { everything: true }, t('admin.receiver.tried'))}>${t('admin.receiver.retry.all')}<//>
        <${Button} small kind="quiet" icon="trash" onClick=${() => discard({ everything: true })}>${t('admin.receiver.discard.all')}<//>`}</div>
      <${Table} rows=${[...dead].reverse()} keyOf=${(one) => one.seq} columns=${[
        { key: 'at', title: t('admin.receiver.aside'), cell: (one) => dateTime(1000 * one.at) },
        { key: 'event', title: t('admin.receiver.event'), cell: (one) => html`<span class="mono">${one.event}</span>` },
        { key: 'seq', title: t('admin.number'), align: 'end', cell: (one) => one.seq },
        { key: 'attempts', title: t('admin.receiver.attempts'), align: 'end', cell: (one) => number(one.attempts) },
        { key: 'error', title: t('admin.receiver.answer'), cell: (one) => html`<span class="admin-changes">${one.error}</span>` },
        ...(edits && on ? [{ key: 'do', title: t('admin.do'), align: 'end', cell: (one) => html`<div class="row admin-ends">
          <${Button} small kind="quiet" icon="callback" label=${t('admin.receiver.retry', { seq: one.seq })} onClick=${() => order('/retry', { seq: one.seq }, t('admin.receiver.tried'))} />
          <${Button} small kind="quiet" icon="trash" label=${t('admin.receiver.discard', { seq: one.seq })} onClick=${() => discard({ seq: one.seq })} /></div>` }] : []),
      ]} />`}
    ${secret && html`<${Secret} kind="webhook" name=${name} secret=${secret} onClose=${() => show('')} />`}<//>`;
}

/** Rows of all receivers of a kind by name, for lists. */
export function useReceivers(kind) {
  const [rows, set] = useState({});
  useEffect(() => {
    if (kind === 'webhook' || kind === 'crm') api.get(`/api/receivers/${kind}`).then((found) => set(Object.fromEntries(found.map((one) => [one.name, one]))), () => {});
  }, [kind]);
  return rows;
}
