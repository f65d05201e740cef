// One campaign: its figures, its switch, and everybody on its list.
import { html, useEffect, useRef, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, number, t } from '../core/i18n.js';
import { refresh, useEvent, useLive } from '../core/live.js';
import { go, link } from '../core/router.js';
import { Button, Card, Empty, Field, Icon, Skeleton, Stat, Table, attempt, confirm, toast } from '../ui/index.js';
import { Edit } from './edit.js';
import { Progress, STATUSES, State, Status, Switch, nextText, outcomeText, rate } from './parts.js';

const PORTION = 100;
const PAUSE = 250; // ms after the last key
const CALM = 1_500; // ms after which what has happened is looked at

export default function Campaign({ campaign, who, query }) {
  const rows = useLive('campaigns');
  const one = rows?.find((row) => row.campaign === campaign);
  const [editing, edit] = useState(false);
  const address = `/campaigns/${encodeURIComponent(campaign)}`;
  const back = html`<a href=${link('/campaigns')}><${Icon} name="left" size=${16} /> ${t('campaigns.nav')}</a>`;
  if (rows === null) return html`<div class="page"><${Card}><${Skeleton} lines=${6} /><//></div>`;
  if (!one) return html`<div class="page"><div class="page-head">${back}</div><${Card}><${Empty} text=${t('campaigns.gone', { name: campaign })} icon="megaphone" /><//></div>`;
  const clear = async () => {
    if (await confirm(t('campaigns.clear_sure', { name: one.title || campaign, count: one.contacts })) && await attempt(() => api.delete(path('/api/campaigns/{campaign}/contacts', { campaign })), t('campaigns.cleared'))) refresh('campaigns');
  };
  const administrator = who.role === 'administrator';
  const said = Object.entries(one.dispositions);
  return html`<div class="page"><div class="page-head"><div>${back}<h1>${one.title || campaign}</h1>
        <div class="row"><${State} one=${one} /><span class="soft">${one.queue} · ${t(`campaigns.mode.${one.mode}`)}</span></div></div>
      <${Switch} one=${one} />
      <${Button} icon="upload" onClick=${() => go(`${address}/import`)}>${t('campaigns.import')}<//>
      ${administrator && html`<${Button} icon="edit" onClick=${() => edit(true)}>${t('campaigns.edit')}<//>`}</div>
    ${one.held && html`<p class="campaigns-held state-alarm" role="alert"><${Icon} name="alert" size=${18} /> ${t('campaigns.held_why', { why: one.held })}</p>`}
    <${Card} title=${t('campaigns.progress')} icon="chart"><${Progress} one=${one} />
      <div class="stats">${STATUSES.filter((status) => one.statuses[status] || ['waiting', 'reached', 'denied'].includes(status)).map((status) => html`<${Stat} key=${status} label=${t(`campaigns.status.${status}`)} value=${number(one.statuses[status])} />`)}
        <${Stat} label=${t('campaigns.attempts')} value=${number(one.attempts)} /><${Stat} label=${t('campaigns.hit_rate')} value=${rate(one.hit_rate)} hint=${t('campaigns.hit_rate_is')} />
        <${Stat} label=${t('campaigns.answered_today')} value=${number(one.answered_today)} />
        <${Stat} label=${t('campaigns.abandoned_today')} value=${rate(one.abandoned_share)} hint=${t('campaigns.abandoned_is')} state=${one.held ? 'alarm' : undefined} />
        <${Stat} label=${t('campaigns.next')} value=${nextText(one)} /></div>
      ${said.length > 0 && html`<h3>${t('campaigns.results')}</h3><ul class="campaigns-results">${said.map(([name, count]) => html`<li key=${name}><span>${name}</span>
        <i class="campaigns-share"><i style=${{ width: `${(100 * count) / Math.max(...said.map(([, most]) => most))}%` }} /></i><strong class="mono">${count}</strong></li>`)}</ul>`}<//>
    <${Contacts} one=${one} query=${query} actions=${html`<a class="button small" href=${path('/api/campaigns/{campaign}/export', { campaign })} download><${Icon} name="download" size=${16} /><span>CSV</span></a>
      ${administrator && one.contacts > 0 && html`<${Button} small kind="quiet" icon="trash" onClick=${clear}>${t('campaigns.clear')}<//>`}`} />
    ${editing && html`<${Edit} campaign=${campaign} onClose=${() => { edit(false); refresh('campaigns'); }} />`}</div>`;
}

function Contacts({ one, query, actions }) {
  const [text, setText] = useState(query.text || '');
  const [status, setStatus] = useState(query.status || '');
  const [found, set] = useState(null);
  const latest = useRef(0);
  const soon = useRef(0);
  const ask = async (offset = 0, limit = PORTION) => {
    const turn = ++latest.current;
    try {
      const rows = await api.get(path('/api/campaigns/{campaign}/contacts', { campaign: one.campaign }, { text, status, offset: offset || '', limit }));
      if (turn === latest.current) set((before) => ({ rows: offset ? [...before.rows, ...rows] : rows, more: rows.length === limit }));
    } catch (error) {
      if (turn === latest.current) toast(error.message, { kind: 'alarm', detail: error.hint });
    }
  };
  useEffect(() => {
    const waiting = setTimeout(() => {
      go(`/campaigns/${encodeURIComponent(one.campaign)}`, { text, status }, { replace: true });
      ask();
    }, found ? PAUSE : 0);
    return () => clearTimeout(waiting);
  }, [text, status, one.contacts]);
  useEffect(() => () => clearTimeout(soon.current), []);
  useEvent('campaign.contact', (event) => {
    if (event.campaign !== one.campaign || !found) return;
    clearTimeout(soon.current);
    soon.current = setTimeout(() => ask(0, Math.min(1_000, Math.max(PORTION, found.rows.length))), CALM);
  });
  const options = [{ value: '', title: t('ui.all') }, ...STATUSES.map((value) => ({ value, title: t(`campaigns.status.${value}`) }))];
  return html`<${Card} title=${t('campaigns.list')} icon="users" actions=${actions}>
    <div class="campaigns-filters"><${Field} label=${t('campaigns.search')} kind="search" value=${text} onChange=${setText} /><${Field} label=${t('campaigns.status')} kind="select" options=${options} value=${status} onChange=${setStatus} /></div>
    ${found === null ? html`<${Skeleton} />` : html`<${Table} keyOf=${(row) => row.id} rows=${found.rows} caption=${t('campaigns.list')} empty=${t(text || status ? 'campaigns.nobody' : 'campaigns.list_empty')} columns=${[
      { key: 'who', title: t('campaigns.who'), cell: (row) => html`<span><strong>${row.name || row.number}</strong>${row.name && html`<br /><span class="soft mono">${row.number}</span>`}</span>` },
      { key: 'status', title: t('campaigns.status'), cell: (row) => html`<${Status} status=${row.status} />` },
      { key: 'attempts', title: t('campaigns.attempts'), align: 'end' },
      { key: 'last', title: t('campaigns.last'), cell: (row) => (row.last ? html`${dateTime(1000 * row.last)}${row.outcome && html`<br /><small class="soft">${outcomeText(row.outcome)}</small>`}` : '') },
      { key: 'due', title: t('campaigns.next'), hide: 'narrow', cell: (row) => (row.status === 'waiting' && 1000 * row.due > Date.now() ? dateTime(1000 * row.due) : '') },
      { key: 'disposition', title: t('campaigns.result'), hide: 'narrow' },
      { key: 'agent', title: t('campaigns.agent'), hide: 'narrow' },
      { key: 'more', title: t('campaigns.columns'), hide: 'narrow', cell: (row) => html`<small class="soft">${[row.note, ...Object.entries(row.fields).map(([name, value]) => `${name}: ${value}`)].filter(Boolean).join(' · ')}</small>` },
    ]} />`}
    ${found?.more && html`<div class="campaigns-more"><${Button} onClick=${() => ask(found.rows.length)}>${t('ui.more')}<//></div>`}<//>`;
}
