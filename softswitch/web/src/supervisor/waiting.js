// Waiting callers by queue: dragged onto an agent or another queue, or led there by keyboard and by finger.
import { html, useState } from '../core/html.js';
import { number, t } from '../core/i18n.js';
import { refresh, useLive } from '../core/live.js';
import { Badge, Button, Clock, Dialog, Empty, Field, Skeleton, activityText, attempt, stateOf } from '../ui/index.js';
import { ADJUSTS, steer } from './store.js';

const TYPE = 'application/x-softswitch-caller';
const called = (caller) => caller.name || caller.number || t('supervisor.hidden');

export default function Waiting({ who }) {
  const board = useLive('board', ({ queues, agents }) => ({
    queues: queues.map(({ queue, title, waiting, callers, service_level_seconds: within }) => ({ queue, title, waiting, callers, within })),
    agents: agents.filter((one) => one.presence !== 'offline'),
  }));
  const [over, setOver] = useState('');
  const [moved, move] = useState(null); // { caller, queue } in the dialog
  if (!board) return html`<div class="page"><${Skeleton} lines=${8} /></div>`;
  const adjusts = ADJUSTS.includes(who.role);
  const lead = async (call, order, done) => {
    const led = await attempt(() => steer(call, order), done);
    refresh('board');
    return led;
  };
  const target = (key, order, done, from = '') => (adjusts ? {
    'data-over': over === key,
    onDragOver: (event) => { if (event.dataTransfer.types.includes(TYPE)) { event.preventDefault(); event.dataTransfer.dropEffect = 'move'; if (over !== key) setOver(key); } },
    onDragLeave: (event) => { if (!event.currentTarget.contains(event.relatedTarget) && over === key) setOver(''); },
    onDrop: (event) => {
      event.preventDefault();
      setOver('');
      const { call, queue, name } = JSON.parse(event.dataTransfer.getData(TYPE) || '{}');
      if (call && queue !== from) lead(call, order, t(done.key, { ...done.values, caller: name }));
    },
  } : {});
  const agents = [...board.agents].sort((a, b) => (stateOf(a) === 'good' ? 0 : 1) - (stateOf(b) === 'good' ? 0 : 1) || a.title.localeCompare(b.title));
  return html`<div class="page supervisor-waiting"><div class="page-head"><h1>${t('supervisor.waiting')}</h1>${adjusts && html`<p class="soft">${t('supervisor.drag')}</p>`}</div>
    <div class="supervisor-lanes">
      <div class="supervisor-columns">${board.queues.map((queue) => html`
        <section key=${queue.queue} class="card supervisor-lane" aria-label=${queue.title} ...${target(`queue:${queue.queue}`, { queue: queue.queue }, { key: 'supervisor.moved_queue', values: { queue: queue.title } }, queue.queue)}>
          <header><h2 class="truncate">${queue.title}</h2><span class="count">${number(queue.waiting)}</span></header>
          ${queue.callers.length ? html`<ol>${queue.callers.map((caller) => html`<${Caller} key=${caller.call} caller=${caller} queue=${queue} adjusts=${adjusts} onMove=${() => move({ caller, queue })} />`)}</ol>` : html`<p class="soft">${t('supervisor.nobody_waits')}</p>`}
          ${queue.waiting > queue.callers.length && html`<p class="soft">${t('supervisor.and_more', { count: queue.waiting - queue.callers.length })}</p>`}
        </section>`)}</div>
      <section class="card supervisor-drop" aria-label=${t('supervisor.agents')}><header><h2>${t('supervisor.agents')}</h2></header>
        ${agents.length ? html`<ul>${agents.map((agent) => html`<li key=${agent.agent} ...${target(`agent:${agent.agent}`, { agent: agent.agent }, { key: 'supervisor.moved_agent', values: { agent: agent.title } })}>
          <b class="truncate grow">${agent.title}</b><${Badge} state=${stateOf(agent)}>${activityText(agent)}<//></li>`)}</ul>` : html`<${Empty} text=${t('supervisor.nobody')} icon="users" />`}</section>
    </div>
    ${moved && html`<${MoveDialog} moved=${moved} queues=${board.queues} agents=${agents} onClose=${() => move(null)} lead=${lead} />`}</div>`;
}

function Caller({ caller, queue, adjusts, onMove }) {
  const drag = (event) => {
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData(TYPE, JSON.stringify({ call: caller.call, queue: queue.queue, name: called(caller) }));
  };
  return html`<li class="supervisor-caller" draggable=${adjusts && !caller.callback} onDragStart=${drag}>
    <span class="supervisor-place">${caller.position}</span>
    <div class="grow"><b class="truncate">${called(caller)}</b><small class="soft">${caller.name && `${caller.number} · `}${caller.priority ? `${t('supervisor.priority')} ${caller.priority} · ` : ''}${caller.callback ? t('supervisor.callback') : caller.rings.length ? t('supervisor.rings', { agents: caller.rings.join(', ') }) : ''}</small></div>
    <${Clock} since=${caller.joined} warn=${queue.within} alarm=${3 * queue.within} />
    ${adjusts && html`<${Button} small kind="quiet" icon="transfer" label=${t('supervisor.move', { caller: called(caller) })} onClick=${onMove} />`}</li>`;
}

/** The same as dragging, and more, without a mouse. */
function MoveDialog({ moved, queues, agents, onClose, lead }) {
  const { caller, queue } = moved;
  const [agent, setAgent] = useState(agents[0]?.agent || '');
  const others = queues.filter((one) => one.queue !== queue.queue);
  const [other, setOther] = useState(others[0]?.queue || '');
  const [priority, setPriority] = useState(String(caller.priority));
  const act = async (order, done) => { if (await lead(caller.call, order, done)) onClose(); };
  const title = (rows, key, value) => rows.find((one) => one[key] === value)?.title || value;
  return html`<${Dialog} title=${t('supervisor.move', { caller: called(caller) })} onClose=${onClose}><div class="column">
    ${agents.length > 0 && html`<div class="row supervisor-line"><${Field} label=${t('supervisor.to_agent')} kind="select" class="grow" value=${agent} onChange=${setAgent} options=${agents.map((one) => ({ value: one.agent, title: `${one.title} (${activityText(one)})` }))} />
      <${Button} kind="primary" icon="headset" onClick=${() => act({ agent }, t('supervisor.moved_agent', { caller: called(caller), agent: title(agents, 'agent', agent) }))}>${t('supervisor.give')}<//></div>`}
    ${others.length > 0 && html`<div class="row supervisor-line"><${Field} label=${t('supervisor.to_queue')} kind="select" class="grow" value=${other} onChange=${setOther} options=${others.map((one) => ({ value: one.queue, title: one.title }))} />
      <${Button} icon="transfer" onClick=${() => act({ queue: other }, t('supervisor.moved_queue', { caller: called(caller), queue: title(queues, 'queue', other) }))}>${t('supervisor.lead')}<//></div>`}
    <div class="row supervisor-line"><${Field} label=${t('supervisor.priority')} kind="number" min="-99999" max="99999" class="grow" value=${priority} onChange=${setPriority} />
      <${Button} icon="star" disabled=${!/^-?\d+$/.test(priority)} onClick=${() => act({ priority: Number(priority) }, t('supervisor.done'))}>${t('supervisor.set')}<//></div>
    <div class="row"><${Button} icon="up" disabled=${caller.position === 1} onClick=${() => act({ position: 1 }, t('supervisor.done'))}>${t('supervisor.to_head')}<//></div>
  </div><//>`;
}
