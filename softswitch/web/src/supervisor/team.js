// The team: who does what, and what a supervisor does about it.
import { html, useEffect, useMemo, useState } from '../core/html.js';
import { number, t } from '../core/i18n.js';
import { refresh, useLive } from '../core/live.js';
import * as browser from '../phone/phone.js';
import { Badge, Button, Clock, Dialog, Field, Skeleton, Table, activityText, attempt, confirm, longestOf, presenceText, reasonText, stateOf, toast, useReasons } from '../ui/index.js';
import { ADJUSTS, leave, orderAgent, ownPhone, setOwnPhone, supervise, write } from './store.js';

const MODES = { listen: 'ear', whisper: 'mic', barge: 'users', takeover: 'swap' };
const SHOWN = ['all', 'here', 'call', 'pause', 'out'];

const PATIENCE = 15_000; // ms in which the call that was asked for must come to this browser
let expected = 0; // until then what rings in this browser is that call, and is answered by itself

const kindOf = (agent) => {
  if (agent.presence === 'offline') return 'out';
  if (agent.call || ['talking', 'holding', 'offered'].includes(agent.activity)) return 'call';
  return agent.presence === 'not_ready' ? 'pause' : 'here';
};

export default function Team({ who }) {
  const board = useLive('board', ({ queues, agents }) => ({ agents, queues: queues.map(({ queue, title }) => ({ queue, title })) }));
  const [shown, show] = useState('all');
  const [queue, setQueue] = useState('');
  const [words, setWords] = useState('');
  const [phone, setPhone] = useState(ownPhone(who));
  const [open, setOpen] = useState('');
  const here = browser.usePhone();
  const rings = phone.trim() || here.account;
  const names = board && JSON.stringify(board.queues.map((one) => [one.queue, one.title]));
  const titles = useMemo(() => Object.fromEntries(JSON.parse(names || '[]')), [names]);
  const adjusts = ADJUSTS.includes(who.role);
  const columns = useMemo(() => columnsOf({ titles, adjusts, who, rings, open: setOpen }), [titles, adjusts, who, rings]);
  useEffect(() => {
    const ringing = here.calls.find((one) => one.state === 'ringing');
    if (!ringing || Date.now() > expected) return;
    expected = 0;
    browser.answer(ringing.id);
  }, [here.calls]);
  if (!board) return html`<div class="page"><${Skeleton} lines=${8} /></div>`;
  const searched = words.trim().toLowerCase();
  const mine = board.agents.filter((one) => (!queue || one.queues.includes(queue)) && (!searched || `${one.title} ${one.agent} ${one.device} ${one.call?.number || ''}`.toLowerCase().includes(searched)));
  const rows = mine.filter((one) => shown === 'all' || kindOf(one) === shown || (shown === 'here' && kindOf(one) !== 'out'));
  const opened = board.agents.find((one) => one.agent === open);
  const remember = (value) => { setPhone(value); setOwnPhone(value.trim()); };
  return html`<div class="page supervisor-team">
    <div class="page-head"><h1>${t('supervisor.team')}</h1></div>
    <div class="supervisor-tools">
      <div class="supervisor-filter" role="group" aria-label=${t('supervisor.filter')}>${SHOWN.map((one) => html`<button key=${one} type="button" class="supervisor-chip" aria-pressed=${shown === one} onClick=${() => show(one)}>
        ${t(`supervisor.show.${one}`)} <b>${one === 'all' ? mine.length : mine.filter((agent) => kindOf(agent) === one || (one === 'here' && kindOf(agent) !== 'out')).length}</b></button>`)}</div>
      <${Field} label=${t('supervisor.queue')} kind="select" value=${queue} onChange=${setQueue} options=${[{ value: '', title: t('supervisor.all_queues') }, ...board.queues.map((one) => ({ value: one.queue, title: one.title }))]} />
      <${Field} label=${t('supervisor.search')} kind="search" value=${words} onChange=${setWords} />
      ${adjusts && html`<${Field} label=${t('supervisor.my_phone')} value=${phone} onChange=${remember} maxlength="64" autocomplete="off" hint=${phone || here.account ? '' : t('supervisor.my_phone_hint')} />
        <${Here} state=${here} />`}
    </div>
    <section class="card"><${Table} caption=${t('supervisor.team')} columns=${columns} rows=${rows} keyOf=${(row) => row.agent} empty=${t('supervisor.nobody')} /></section>
    ${opened && html`<${AgentDialog} agent=${opened} onClose=${() => setOpen('')} />`}
  </div>`;
}

/** What a row shows depends on the row and on these alone: only rows that change are drawn again. */
const columnsOf = ({ titles, adjusts, who, rings, open }) => [
  { key: 'agent', title: t('supervisor.agent'), sort: (row) => row.title, cell: (row) => html`<div class="supervisor-name"><b>${row.title}</b><small class="soft">${row.agent}${row.device && ` · ${row.device}`}</small></div>` },
  { key: 'state', title: t('supervisor.state'), sort: (row) => `${stateOf(row)}${row.since}`, cell: (row) => html`<${State} agent=${row} />` },
  { key: 'call', title: t('supervisor.call'), sort: (row) => row.call_since, cell: (row) => html`<${CallOf} agent=${row} titles=${titles} />` },
  { key: 'answered', title: t('supervisor.calls_today'), align: 'end', sort: (row) => row.today.answered, down: true, cell: (row) => number(row.today.answered) },
  { key: 'missed', title: t('supervisor.missed_today'), align: 'end', sort: (row) => row.today.missed, down: true, cell: (row) => number(row.today.missed) },
  ...(adjusts ? [{ key: 'act', title: t('supervisor.actions'), align: 'end', cell: (row) => html`<${Actions} agent=${row} phone=${rings} who=${who} onMore=${() => open(row.agent)} />` }] : []),
];

/** Whether this browser is the phone that rings for whoever listens. */
function Here({ state }) {
  const on = state.state === 'on' || state.state === 'lost';
  return html`<div class="supervisor-here"><${Button} icon="headset" aria-pressed=${on} busy=${state.state === 'starting'} onClick=${() => (on ? browser.stop() : browser.start())}>${t('supervisor.browser')}<//>
    ${state.state === 'failed' && html`<small class="error" role="alert">${t(`phone.problem.${state.problem}`)} ${state.detail}</small>`}</div>`;
}

function State({ agent }) {
  const paused = agent.presence === 'not_ready' && agent.activity === 'idle';
  return html`<div class="supervisor-state"><${Badge} state=${stateOf(agent)}>${activityText(agent)}<//>
    ${agent.presence !== 'offline' && html`<${Clock} since=${paused ? agent.presence_since : agent.since} alarm=${paused ? longestOf(agent.reason) : undefined} />`}
    ${agent.presence === 'not_ready' && !paused && html`<small class="soft">${t('supervisor.then', { state: presenceText(agent) })}</small>`}</div>`;
}

function CallOf({ agent, titles }) {
  const { call } = agent;
  if (!call) return agent.queue ? html`<span class="soft">${titles[agent.queue] || agent.queue}</span>` : '–';
  return html`<div class="supervisor-call"><span><b>${call.name || call.number || t('supervisor.hidden')}</b>${call.name && html` <span class="soft">${call.number}</span>`}</span>
    <small class="soft">${call.queue && `${titles[call.queue] || call.queue} · `}${call.held && `${t('supervisor.held')} · `}<${Clock} since=${agent.call_since} /></small>
    ${call.supervised_by.map((one) => html`<small key=${one.account} class="supervisor-heard">${t(`supervisor.heard.${one.mode}`, { account: one.account })}</small>`)}</div>`;
}

function Actions({ agent, phone, who, onMore }) {
  const { call } = agent;
  const own = phone || who.account;
  const heard = call?.supervised_by.find((one) => one.account === own);
  const act = async (mode) => {
    if (mode === 'takeover' && !(await confirm(t('supervisor.takeover_sure', { agent: agent.title }), { yes: t('supervisor.mode.takeover') }))) return;
    // What is shown may be a moment old: only the switch knows whether the phone rings, or hears the call already.
    if (browser.phoneState().state === 'on') expected = Date.now() + PATIENCE;
    const done = await attempt(async () => {
      const { rings } = await supervise(agent, mode, phone);
      if (rings) toast(t('supervisor.your_phone_rings'), { kind: 'good' });
      else expected = 0;
    });
    if (!done) expected = 0;
    refresh('board');
  };
  const end = async () => {
    await attempt(() => leave(agent, phone));
    refresh('board');
  };
  return html`<div class="supervisor-actions">
    ${call && call.state === 'talking' && Object.entries(MODES).map(([mode, icon]) => html`<${Button} key=${mode} small kind=${heard?.mode === mode ? '' : 'quiet'} icon=${icon}
      aria-pressed=${heard?.mode === mode} label=${t('supervisor.do', { what: t(`supervisor.mode.${mode}`), agent: agent.title })} onClick=${() => act(mode)} />`)}
    ${heard && html`<${Button} small kind="danger" icon="phone-off" label=${t('supervisor.leave')} onClick=${end} />`}
    <${Button} small kind="quiet" icon="edit" label=${t('supervisor.more', { agent: agent.title })} onClick=${onMore} /></div>`;
}

function AgentDialog({ agent, onClose }) {
  const reasons = useReasons();
  const [picked, setReason] = useState('');
  const reason = picked || reasons[0]?.pause || '';
  const [text, setText] = useState('');
  const order = async (name, why = '') => {
    if (await attempt(() => orderAgent(agent.agent, name, why), t('supervisor.done'))) refresh('board');
  };
  const send = async () => {
    if (await attempt(() => write(agent.agent, text.trim()), t('supervisor.sent', { agent: agent.title }))) setText('');
  };
  const out = async () => {
    if (await confirm(t('supervisor.logout_sure', { agent: agent.title }), { yes: t('supervisor.logout') })) await order('logout');
  };
  const offline = agent.presence === 'offline';
  return html`<${Dialog} title=${agent.title} onClose=${onClose}>
    <div class="column"><${State} agent=${agent} />
      <div class="row">
        ${offline
          ? html`<${Button} icon="check" onClick=${() => order('login')}>${t('supervisor.login')}<//>`
          : html`<${Button} kind="good" icon="check" disabled=${agent.presence === 'ready'} onClick=${() => order('ready')}>${t('supervisor.ready')}<//>
            ${agent.activity === 'wrapup' && html`<${Button} onClick=${() => order('end_wrap_up')}>${t('supervisor.end_wrap_up')}<//>`}
            <${Button} kind="danger" icon="logout" onClick=${out}>${t('supervisor.logout')}<//>`}</div>
      ${!offline && html`<div class="row supervisor-line"><${Field} label=${t('supervisor.reason')} kind="select" value=${reason} onChange=${setReason} class="grow" options=${reasons.map(({ pause }) => ({ value: pause, title: reasonText(pause) }))} />
        <${Button} icon="pause" onClick=${() => order('not_ready', reason)}>${t('supervisor.pause')}<//></div>`}
      <${Field} label=${t('supervisor.message')} kind="textarea" rows="3" maxlength="500" value=${text} onChange=${setText} hint=${t('supervisor.message_hint')} />
      <div class="row"><${Button} kind="primary" icon="megaphone" disabled=${!text.trim()} onClick=${send}>${t('supervisor.send')}<//></div>
    </div><//>`;
}
