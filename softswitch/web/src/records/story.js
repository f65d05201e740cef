// The story of one call: who, where it went, how long, what was said to it, and the messages on the wire.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, duration, t, tOr } from '../core/i18n.js';
import { link } from '../core/router.js';
import { Badge, Button, Card, Empty, Icon, Skeleton, Stat, Table, Tabs } from '../ui/index.js';
import { Outcome, nameOf } from './names.js';
import { Player } from './player.js';

// What people want to know of a call; everything else is behind a switch.
const TOLD = {
  'call.created': 'phone-in', 'ivr.step': 'menu', dtmf: 'keypad', 'customer.identified': 'user', 'queue.entered': 'queue', 'queue.offered': 'headset', 'queue.offer_result': 'info',
  'queue.connected': 'phone', 'queue.left': 'queue', 'call.bridged': 'phone', 'call.held': 'pause', 'call.resumed': 'play', 'transfer.started': 'transfer', 'call.transferred': 'transfer',
  'recording.started': 'record', 'recording.paused': 'pause', 'recording.finished': 'check', 'call.disposition': 'edit', 'survey.answered': 'chart', 'call.ended': 'phone-off',
};

export default function Story({ call, who }) {
  const [story, set] = useState(null);
  const [missing, setMissing] = useState('');
  const [tab, setTab] = useState('story');
  const where = path('/api/records/{call}', { call });
  useEffect(() => {
    let here = true;
    api.get(where).then((found) => here && set(found), (error) => here && setMissing(error.message));
    return () => { here = false; };
  }, [where]);
  if (missing) return html`<div class="page"><${Empty} icon="search" text=${missing} /></div>`;
  if (!story) return html`<div class="page"><${Skeleton} lines=${6} /></div>`;
  const one = story.call;
  const heard = story.recordings.filter((row) => row.ended_at != null && row.deleted_at == null && !row.error);
  const tabs = [{ key: 'story', title: t('records.story') }, { key: 'legs', title: t('records.legs'), badge: story.legs.length }];
  if (who.role === 'administrator') tabs.push({ key: 'ladder', title: t('records.ladder') });
  return html`<div class="page"><div class="page-head"><div class="column records-title">
      <a class="records-back" href=${link('/calls')}><${Icon} name="left" size=${16} />${t('records.calls')}</a>
      <h1>${one.caller || t('records.hidden')}${nameOf(one) && html` <span class="soft">${nameOf(one)}</span>`} <span class="soft">→</span> ${one.dialled}</h1>
      <span class="soft">${dateTime(1000 * one.started_at)}</span></div><${Outcome} call=${one} /></div>
    <div class="stats">
      <${Stat} label=${t('records.waited')} value=${duration(story.visits.reduce((sum, visit) => sum + visit.waited, 0))} />
      <${Stat} label=${t('records.talk')} value=${duration(one.talk_seconds)} /><${Stat} label=${t('records.total')} value=${duration(one.total_seconds)} />
      <${Stat} label=${t('records.queue')} value=${one.queue || '–'} /><${Stat} label=${t('records.agent')} value=${one.agent || '–'} />
    </div>
    ${heard.map((row) => html`<${Card} key=${row.recording} title=${t('records.recording')} icon="volume"
      actions=${html`<a href=${link(`/recordings/${row.recording}`)}>${t('records.open')}</a>`}>
      <${Player} source=${path('/api/recordings/{recording}/audio', row)} peaks=${path('/api/recordings/{recording}/peaks', row)} seconds=${row.seconds} sides=${[row.agent, row.caller]} /></${Card}>`)}
    <${Card}><${Tabs} tabs=${tabs} value=${tab} onChange=${setTab} label=${t('records.story')} />
      <div class="records-tab">${tab === 'story' ? html`<${Timeline} story=${story} />` : tab === 'legs' ? html`<${Legs} story=${story} />` : html`<${Ladder} where=${where} />`}</div></${Card}></div>`;
}

function Timeline({ story }) {
  const [all, setAll] = useState(false);
  const began = story.call.started_at;
  const shown = story.events.filter((event) => all || event.event in TOLD);
  return html`<ol class="records-timeline">${shown.map((event) => html`<li key=${event.seq} class=${event.event in TOLD ? '' : 'records-minor'}>
      <span class="mono soft records-offset">+${duration(event.at - began)}</span><span class="records-mark"><${Icon} name=${TOLD[event.event] || 'info'} size=${16} /></span>
      <div><strong>${event.event in TOLD ? t(`records.event.${event.event}`, event) : event.event}</strong>${detailOf(event, all) && html`<small class="soft">${detailOf(event, all)}</small>`}</div></li>`)}</ol>
    ${!story.events.length && html`<${Empty} text=${t('records.no_events')} />`}
    ${story.events.length > 0 && html`<${Button} small kind="quiet" aria-pressed=${all} onClick=${() => setAll(!all)}>${t(all ? 'records.only_told' : 'records.all_events', { count: story.events.length })}<//>`}`;
}

const HIDDEN = new Set(['seq', 'at', 'event', 'call', 'caller', 'media', 'keys', 'ranking', 'asks', 'asked']);

function detailOf(event, all) {
  if (event.event === 'queue.offer_result') return tOr(`records.result.${event.result}`, event.result);
  if (event.event === 'queue.left') return `${tOr(`records.left.${event.outcome}`, event.outcome)} · ${duration(event.waited)}`;
  if (event.event === 'ivr.step') return event.detail;
  if (event.event === 'call.ended') return [tOr(`records.outcome.${event.outcome}`, event.outcome), event.cause].filter(Boolean).join(' · ');
  if (!all || event.event in TOLD) return event.note || '';
  return Object.entries(event).filter(([name, value]) => !HIDDEN.has(name) && value !== '' && value != null && typeof value !== 'object').map(([name, value]) => `${name}=${value}`).join('  ');
}

function Legs({ story }) {
  return html`<${Table} rows=${story.legs} keyOf=${(row) => row.seq} empty=${t('records.no_legs')} columns=${[
    { key: 'role', title: t('records.role'), cell: (row) => tOr(`records.role.${row.role}`, row.role) },
    { key: 'party', title: t('records.party') },
    { key: 'ring', title: t('records.rang'), align: 'end', cell: (row) => duration(row.ring_seconds) },
    { key: 'talk', title: t('records.talk'), align: 'end', cell: (row) => duration(row.talk_seconds) },
    { key: 'status', title: t('records.answer'), cell: (row) => html`<span class="mono">${row.status}</span> ${row.cause}` },
    { key: 'codec', title: t('records.codec') },
    { key: 'mos', title: t('records.quality'), cell: (row) => row.media?.mos != null && html`<${Badge} state=${row.media.mos >= 3.6 ? 'good' : row.media.mos >= 3.1 ? 'warn' : 'alarm'}>${row.media.mos.toFixed(1)}<//>` },
    { key: 'id', title: 'Call-ID', hide: 'narrow', cell: (row) => html`<span class="mono records-callid">${row.sip_call_id}</span>` },
  ]} />`;
}

function Ladder({ where }) {
  const [found, set] = useState(null);
  const [missing, setMissing] = useState('');
  const [open, setOpen] = useState(-1);
  useEffect(() => { api.get(`${where}/ladder`).then(set, (error) => setMissing(error.message)); }, [where]);
  if (missing) return html`<${Empty} icon="search" text=${t('records.no_ladder')} />`;
  if (!found) return html`<${Skeleton} lines=${6} />`;
  const peers = [...new Set(found.messages.map((one) => one.peer))];
  const began = found.messages[0]?.at || 0;
  return html`<ol class="records-ladder">${found.messages.map((one, i) => html`<li key=${i} class=${one.incoming ? 'records-in' : 'records-out'}>
      <button type="button" aria-expanded=${open === i} onClick=${() => setOpen(open === i ? -1 : i)}>
        <span class="mono soft">+${(one.at - began).toFixed(3)}</span><span class=${`records-peer state-${['talk', 'wrap', 'ring', 'good', 'info'][peers.indexOf(one.peer) % 5]}`}>${one.peer}</span>
        <span class="records-arrow" aria-hidden="true">${one.incoming ? '→' : '←'}</span><span class="visually-hidden">${t(one.incoming ? 'records.received' : 'records.sent')}</span><strong class="mono">${one.summary}</strong></button>
      ${open === i && html`<pre class="mono">${one.text}</pre>`}</li>`)}</ol>`;
}
