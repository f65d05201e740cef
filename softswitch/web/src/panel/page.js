// The panel: on the left what is to be done now, on the right the queues and the day, below what may be worked off.
import { html, useEffect, useState } from '../core/html.js';
import { duration, number, percent, t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { filled } from '../core/registry.js';
import { start, usePhone, wasOn } from '../phone/phone.js';
import { Badge, Button, Card, Clock, Empty, Skeleton, Stat } from '../ui/index.js';
import { useDesk, useMe, useMyCalls } from './desk.js';
import { PhoneCard } from './device.js';
import { Help, useShortcuts } from './keys.js';
import { Lists } from './lists.js';
import { Stage } from './stage.js';

export default function Panel({ who }) {
  if (!who.agent) return html`<${Empty} icon="headset" text=${t('panel.no_agent')} />`;
  return html`<${Desk} who=${who} />`;
}

function Desk({ who }) {
  const me = useMe(who);
  const desk = useDesk();
  const phone = usePhone();
  const calls = useMyCalls(who, desk?.accounts || []);
  const [help, setHelp] = useState(false);
  useEffect(() => {
    // Whose browser was the phone before the page was loaded again finds it so.
    if (me && me.presence !== 'offline' && phone.state === 'off' && wasOn()) start();
  }, [Boolean(me)]);
  useShortcuts({ who, me, calls, help: () => setHelp(true) });
  if (me === null || desk === null) return html`<div class="page"><${Skeleton} lines=${6} /></div>`;
  if (me === false) return html`<${Empty} icon="alert" text=${t('panel.gone', { agent: who.agent })} />`;
  return html`<div class="page panel">
    <div class="panel-main"><${Stage} who=${who} me=${me} desk=${desk} calls=${calls} />${filled('panel.work').map((Filled, i) => html`<${Filled} key=${i} who=${who} me=${me} calls=${calls} />`)}<${Lists} who=${who} desk=${desk} /></div>
    <aside class="panel-side"><${Board} /><${Day} desk=${desk} me=${me} /><${PhoneCard} me=${me} desk=${desk} />
      <${Button} kind="quiet" small icon="info" onClick=${() => setHelp(true)}>${t('panel.keys')}<//></aside>
    ${help && html`<${Help} onClose=${() => setHelp(false)} />`}
  </div>`;
}

/** The queues that the agent serves, as they are now. */
function Board() {
  const queues = useLive('queues', (rows) => rows.map(({ name, title, waiting, oldest, agents, surging, callbacks, figures }) => ({
    name, title, waiting, oldest: waiting ? oldest : null, free: agents.idle || 0, surging, callbacks, level: figures.sl?.value ?? null,
  })));
  return html`<${Card} title=${t('panel.queues')} icon="queue">${queues === null ? html`<${Skeleton} />` : !queues.length ? html`<p class="soft">${t('panel.no_queues')}</p>` : html`
    <ul class="panel-board">${queues.map((one) => html`<li key=${one.name} class=${one.waiting ? (one.surging ? 'state-alarm' : 'state-ring') : 'state-good'}>
      <div class="panel-board-name"><strong class="truncate">${one.title}</strong><small class="soft">${t('panel.free', { count: one.free })}${one.level != null ? ` · SL ${percent(one.level)}` : ''}</small></div>
      <div class="panel-board-now"><span class="panel-waiting" title=${t('panel.waiting')}>${one.waiting}</span>
        ${one.oldest ? html`<${Clock} since=${one.oldest} warn=${30} alarm=${90} title=${t('panel.longest')} />` : html`<small class="soft">${t('panel.nobody')}</small>`}</div></li>`)}</ul>`}<//>`;
}

function Day({ desk, me }) {
  return html`<${Card} title=${t('panel.day')} icon="chart"><div class="stats">
    <${Stat} label=${t('panel.day.taken')} value=${number(desk.taken)} />
    <${Stat} label=${t('panel.day.talk')} value=${duration(desk.talk_seconds)} />
    <${Stat} label=${t('panel.day.average')} value=${desk.average_seconds == null ? '–' : duration(desk.average_seconds)} />
    <${Stat} label=${t('panel.day.made')} value=${number(desk.made)} />
    <${Stat} label=${t('panel.day.missed')} value=${number(desk.missed)} state=${desk.missed ? 'warn' : undefined} />
    ${me.presence !== 'offline' && html`<${Stat} label=${t('panel.day.state')}><${Clock} since=${me.presence_since} /><//>`}
  </div><//>`;
}
