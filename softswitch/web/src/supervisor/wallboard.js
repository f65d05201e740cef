// The wallboard: each queue as a card, the worst first; as it is, or filling the screen for a wall.
import { html, useEffect, useMemo, useRef } from '../core/html.js';
import { duration, number, percent, t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { filled } from '../core/registry.js';
import { go, here, link, useHere } from '../core/router.js';
import { Button, Clock, Empty, Skeleton } from '../ui/index.js';
import { AlertList, namesOf } from './alerts.js';
import { CONDITIONS, levelState, queueState } from './store.js';

const RANK = { alarm: 0, warn: 1, good: 2 };
const age = (moment) => (moment == null ? 0 : Math.max(0, (Date.now() - moment) / 1000));

export default function Wallboard({ who }) {
  const { query } = useHere();
  const board = useLive('board', ({ queues, agents, alerts, day }) => ({
    queues, alerts, day, names: namesOf(queues, agents),
  }));
  const frame = useRef();
  const big = query.big === '1';
  useEffect(() => {
    if (!big) return undefined;
    const shrunk = () => here().query.big && go('/wallboard', {}, { replace: true }); // Not from a page that was opened since.
    const left = () => !document.fullscreenElement && shrunk();
    const escape = (event) => event.key === 'Escape' && shrunk();
    document.addEventListener('fullscreenchange', left);
    addEventListener('keydown', escape);
    return () => {
      document.removeEventListener('fullscreenchange', left);
      removeEventListener('keydown', escape);
    };
  }, [big]);
  const enlarge = () => {
    go('/wallboard', { big: '1' });
    frame.current?.requestFullscreen?.().catch(() => {}); // Not every browser may; the page fills the window all the same.
  };
  const shrink = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    go('/wallboard');
  };
  if (!board) return html`<div class="page"><${Skeleton} lines=${6} /></div>`;
  const queues = board.queues.map((one) => {
    const shown = { ...one, longest: age(one.oldest) };
    return { row: one, state: queueState(shown), waiting: one.waiting, title: one.title };
  }).sort((a, b) => RANK[a.state] - RANK[b.state] || b.waiting - a.waiting || a.title.localeCompare(b.title));
  return html`<div class=${`page supervisor-board ${big ? 'big' : ''}`} ref=${frame}>
    <div class="page-head"><h1>${t('supervisor.wallboard')}</h1><span class="grow" />
      ${big ? html`<${Button} icon="close" onClick=${shrink}>${t('supervisor.big.end')}<//>` : html`<${Button} icon="board" onClick=${enlarge}>${t('supervisor.big')}<//>`}</div>
    ${!big && filled('wallboard.top').map((Filled, i) => html`<${Filled} key=${i} who=${who} />`)}
    <${AlertList} alerts=${board.alerts} names=${board.names} />
    ${queues.length ? html`<div class="supervisor-queues">${queues.map(({ row, state }) => html`<${QueueCard} key=${row.queue} queue=${row} state=${state} />`)}</div>` : html`<${Empty} text=${t('supervisor.no_queues')} icon="queue">${who.role === 'administrator' && html`<a class="button primary" href=${link('/admin/queue/+')}>${t('supervisor.add_queue')}</a>`}<//>`}
  </div>`;
}

/** Drawn again when its queue has changed. */
const QueueCard = ({ queue, state }) => useMemo(() => queueCard(queue, state), [queue, state]);

function queueCard(queue, state) {
  const { today, recent, service_level_seconds: within, service_level_target: target } = queue;
  return html`<section class=${`card supervisor-queue state-${state}`} aria-label=${queue.title}>
    <header><h2 class="truncate" title=${queue.queue}>${queue.title}</h2>${queue.surging && html`<span class="supervisor-tag">${t('supervisor.surging')}</span>`}</header>
    <div class="supervisor-main">
      <div class=${`supervisor-figure state-${queue.waiting ? state : 'good'}`}><b>${number(queue.waiting)}</b><span>${t('supervisor.waiting_now')}</span></div>
      <div class="supervisor-figure"><b>${queue.waiting ? html`<${Clock} since=${queue.oldest} warn=${within} alarm=${3 * within} />` : '–'}</b><span>${t('supervisor.longest')}</span></div>
      <${Level} figure=${recent.sl_live} target=${target} label=${t('supervisor.sl_now', { within })} note=${t('supervisor.sl_note', { target: percent(target) })} />
      <${Level} figure=${today.sl} target=${target} label=${t('supervisor.sl_today')} />
    </div>
    <${Agents} agents=${queue.agents} />
    <dl class="supervisor-small">
      <${Small} label=${t('supervisor.answered')} value=${number(today.answered)} /><${Small} label=${t('supervisor.abandoned')} value=${number(today.abandoned)} />
      <${Small} label=${t('supervisor.callbacks')} value=${number(queue.callbacks_waiting)} /><${Small} label=${t('supervisor.ewt')} value=${queue.ewt == null ? '–' : duration(queue.ewt)} />
    </dl></section>`;
}

/** A service level with what it is made of, for who points at it. */
function Level({ figure, target, label, note = '' }) {
  const hint = `${figure.formula} = ${number(figure.n)} / ${number(figure.d)}${note && ` · ${note}`}`;
  return html`<div class=${`supervisor-figure state-${levelState(figure.value, target)}`} title=${hint}><b>${percent(figure.value)}</b><span>${label}</span>
    <small>${number(figure.n)}/${number(figure.d)}</small></div>`;
}

const Small = ({ label, value }) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`;

/** Agents by state as a bar; the words under it say the same. */
function Agents({ agents }) {
  const found = Object.keys(CONDITIONS).filter((name) => agents[name]).map((name) => ({ name, count: agents[name], state: CONDITIONS[name] }));
  const present = found.filter((one) => one.name !== 'logged_out');
  if (!found.length) return html`<p class="soft">${t('supervisor.no_members')}</p>`;
  return html`<div class="supervisor-agents"><div class="supervisor-bar" aria-hidden="true">${present.map((one) => html`<i key=${one.name} class=${`state-${one.state}`} style=${{ flexGrow: one.count }} />`)}</div>
    <ul>${found.map((one) => html`<li key=${one.name} class=${`state-${one.state}`}><i class="dot" />${t(`supervisor.condition.${one.name}`)} <b>${one.count}</b></li>`)}</ul></div>`;
}
