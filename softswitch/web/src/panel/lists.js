// What may be worked off when nobody calls: callbacks, missed calls, the calls of the day, colleagues.
import { html, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, duration, t, time, tOr } from '../core/i18n.js';
import { refresh, useLive } from '../core/live.js';
import * as phone from '../phone/phone.js';
import { Badge, Button, Card, Icon, Skeleton, Table, Tabs, attempt } from '../ui/index.js';
import { Agree } from './agree.js';
import { useQueueNames } from './desk.js';
import { TONE, useColleagues } from './transfer.js';

const dial = (target) => () => (phone.phoneState().state === 'on' ? phone.call(target) : attempt(() => api.post('/api/calls', { number: target }), t('panel.your_phone')));

const CallButton = ({ to, name }) => html`<${Button} small kind="quiet" icon="phone-out" label=${t('panel.call_who', { name: name || to })} disabled=${!/\d/.test(to)} onClick=${dial(to)} />`;

export function Lists({ who, desk }) {
  const [tab, setTab] = useState('callbacks');
  const callbacks = useLive('callbacks');
  const missed = desk.calls.filter((one) => one.direction === 'in' && one.ended_at && !one.talk_seconds);
  const open = (callbacks || []).length;
  const shown = {
    callbacks: () => html`<${Callbacks} who=${who} rows=${callbacks} />`,
    missed: () => html`<${Calls} rows=${missed} empty=${t('panel.missed.none')} />`,
    today: () => html`<${Calls} rows=${desk.calls} empty=${t('panel.today.none')} />`,
    people: () => html`<${People} who=${who} />`,
  }[tab];
  return html`<${Card}><${Tabs} label=${t('panel.lists')} value=${tab} onChange=${setTab} tabs=${[
    { key: 'callbacks', title: t('panel.callbacks'), badge: open }, { key: 'missed', title: t('panel.missed'), badge: missed.length },
    { key: 'today', title: t('panel.today') }, { key: 'people', title: t('panel.people') }]} /><div class="panel-list" role="tabpanel">${shown()}</div><//>`;
}

function Callbacks({ who, rows }) {
  const titles = useQueueNames();
  if (rows === null) return html`<${Skeleton} />`;
  const order = (one, verb, told) => () => attempt(async () => {
    await api.post(path('/api/callbacks/{callback}/orders', { callback: one.callback }), { order: verb });
    refresh('callbacks', 'queues');
  }, told);
  return html`<div class="row"><${Agree} who=${who} /></div><${Table} keyOf=${(row) => row.callback} rows=${rows} empty=${t('panel.callbacks.none')} caption=${t('panel.callbacks')} columns=${[
    { key: 'who', title: t('panel.who'), sort: (row) => row.name || row.number, cell: (row) => html`<span><strong>${row.name || row.number}</strong>${row.name && html` <span class="soft mono">${row.number}</span>`}${row.note && html`<br /><small class="soft">${row.note}</small>`}</span>` },
    { key: 'kind', title: t('panel.kind'), hide: 'narrow', cell: (row) => tOr(`panel.kind.${row.kind}`, row.kind) },
    { key: 'queue', title: t('panel.queue'), hide: 'narrow', sort: (row) => row.queue, cell: (row) => titles[row.queue] || row.queue },
    { key: 'age', title: t('panel.since'), align: 'end', sort: (row) => row.age, cell: (row) => (row.due_in > 60 ? html`<${Badge} state="info" icon="calendar">${dateTime(Date.now() + 1000 * row.due_in)}<//>` : duration(row.age)) },
    { key: 'owner', title: t('panel.whose'), cell: (row) => (row.owner ? html`<${Badge} state=${row.owner === who.agent ? 'good' : 'off'}>${row.owner === who.agent ? t('panel.mine') : row.owner}<//>` : '') },
    { key: 'do', title: '', align: 'end', cell: (row) => html`<span class="panel-row-actions"><${CallButton} to=${row.number} name=${row.name} />
      ${row.owner === who.agent ? html`<${Button} small kind="quiet" icon="left" label=${t('panel.release')} onClick=${order(row, 'release')} />` : html`<${Button} small kind="quiet" icon="star" label=${t('panel.take')} onClick=${order(row, 'take')} />`}
      <${Button} small kind="quiet" icon="check" label=${t('panel.settle')} onClick=${order(row, 'done', t('panel.settled'))} /></span>` },
  ]} />`;
}

function Calls({ rows, empty }) {
  const titles = useQueueNames();
  return html`<${Table} keyOf=${(row) => row.call} rows=${rows} empty=${empty} columns=${[
    { key: 'way', title: t('panel.way'), cell: (row) => html`<${Icon} name=${row.direction === 'out' ? 'phone-out' : row.talk_seconds || !row.ended_at ? 'phone-in' : 'missed'} size=${18} label=${t(row.direction === 'out' ? 'panel.out' : row.talk_seconds || !row.ended_at ? 'panel.in' : 'panel.missed')} />` },
    { key: 'who', title: t('panel.who'), sort: other, cell: (row) => html`<strong>${other(row)}</strong>` },
    { key: 'queue', title: t('panel.queue'), hide: 'narrow', sort: (row) => row.queue, cell: (row) => titles[row.queue] || row.queue },
    { key: 'at', title: t('panel.at'), align: 'end', sort: (row) => row.started_at, cell: (row) => time(1000 * row.started_at) },
    { key: 'long', title: t('panel.long'), align: 'end', sort: (row) => row.talk_seconds, cell: (row) => (row.ended_at ? duration(row.talk_seconds) : t('panel.now')) },
    { key: 'do', title: '', align: 'end', cell: (row) => html`<${CallButton} to=${row.direction === 'out' ? row.dialled : row.caller} name=${other(row)} />` },
  ]} />`;
}

const other = (row) => (row.direction === 'out' ? row.dialled : row.caller_name || row.caller || t('panel.unknown'));

function People({ who }) {
  const rows = useColleagues(who);
  if (rows === null) return html`<${Skeleton} />`;
  return html`<${Table} keyOf=${(row) => row.number} rows=${rows} columns=${[
    { key: 'name', title: t('panel.who'), sort: (row) => row.name, cell: (row) => html`<span class="row"><${Icon} name=${row.kind === 'queue' ? 'queue' : 'user'} size=${18} /><strong>${row.name}</strong></span>` },
    { key: 'number', title: t('panel.number'), sort: (row) => row.number, cell: (row) => html`<span class="mono">${row.number}</span>` },
    { key: 'state', title: t('panel.state'), sort: (row) => row.state, cell: (row) => html`<${Badge} state=${TONE[row.state]}>${row.kind === 'queue' ? t('panel.transfer.waits', { count: row.waiting }) : t(`panel.person.${row.state}`)}<//>` },
    { key: 'do', title: '', align: 'end', cell: (row) => html`<${CallButton} to=${row.number} name=${row.name} />` },
  ]} />`;
}
