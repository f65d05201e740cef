// Where a caller may be led: colleagues with what they are doing, queues with who waits, any number.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { t } from '../core/i18n.js';
import { refresh, useLive } from '../core/live.js';
import { Badge, Button, Dialog, Empty, Icon, Skeleton, attempt } from '../ui/index.js';

export const TONE = { free: 'good', busy: 'talk', away: 'warn', off: 'off' };
const ORDER = { free: 0, busy: 1, away: 2, off: 3 };

export function useColleagues(who) {
  return useLive('colleagues', (rows) => rows.filter((one) => !who.agent || one.agent !== who.agent));
}

/** While somebody is asked: what may become of it. The switch knows that it goes on, whatever the page forgets. */
export function Consultation({ call, who, onOver }) {
  const { to, answered, aside } = call.consultation;
  const name = useColleagues(who)?.find((one) => one.number === to)?.name || to;
  useEffect(() => {
    const looking = setInterval(() => refresh('calls'), 1_000); // whoever is asked answers, declines, hangs up
    return () => clearInterval(looking);
  }, []);
  const steer = (verb) => () => attempt(async () => {
    await api.post(path('/api/calls/{call}/transfer/orders', { call: call.id }), { order: verb });
    if (verb !== 'swap') onOver();
    refresh('calls');
  });
  return html`<div class="panel-consult state-info"><strong class="grow">${t(!answered ? 'panel.consult.rings' : aside ? 'panel.consult' : 'panel.consult.waits', { name })}</strong>
    <${Button} small kind="primary" icon="check" onClick=${steer('complete')}>${t('panel.consult.complete')}<//>
    <${Button} small icon="swap" disabled=${!answered} onClick=${steer('swap')}>${t('panel.consult.swap')}<//>
    <${Button} small icon="merge" disabled=${!answered} onClick=${steer('merge')}>${t('panel.consult.merge')}<//>
    <${Button} small icon="close" onClick=${steer('abort')}>${t('panel.consult.abort')}<//></div>`;
}

export function Transfer({ call, who, onClose }) {
  const known = useColleagues(who);
  const [wanted, setWanted] = useState('');
  const [chosen, choose] = useState(null);
  const search = wanted.trim().toLocaleLowerCase();
  const found = (known || []).filter((one) => `${one.name} ${one.number}`.toLocaleLowerCase().includes(search))
    .sort((a, b) => ORDER[a.state] - ORDER[b.state] || a.name.localeCompare(b.name)).slice(0, 50);
  const target = chosen || (/^[+\d*#][\d *#()/-]*$/.test(wanted.trim()) ? { name: wanted.trim(), number: wanted.replace(/[\s()/-]/g, ''), kind: 'number' } : null);
  const lead = (attended) => async () => {
    const done = await attempt(async () => {
      await api.post(path('/api/calls/{call}/transfer', { call: call.id }), { to: target.number, attended });
      refresh('calls');
    }, attended ? '' : t('panel.transfer.done', { name: target.name }));
    if (!done) return;
    onClose();
  };
  return html`<${Dialog} title=${t('panel.transfer.title', { name: call.name || call.number })} onClose=${onClose} actions=${html`
      <${Button} icon="ear" disabled=${!target || target.kind === 'queue'} onClick=${lead(true)}>${t('panel.transfer.ask')}<//>
      <${Button} kind="primary" icon="transfer" disabled=${!target} onClick=${lead(false)}>${t('panel.transfer.now')}<//>`}>
    <input class="input" autofocus type="search" aria-label=${t('panel.transfer.to')} placeholder=${t('panel.transfer.to')} value=${wanted} onInput=${(event) => { setWanted(event.currentTarget.value); choose(null); }} />
    ${known === null ? html`<${Skeleton} />` : !found.length ? html`<${Empty} icon="search" text=${target ? t('panel.transfer.number', { number: target.number }) : t('panel.transfer.nobody')} />` : html`
      <ul class="panel-people" role="listbox" aria-label=${t('panel.transfer.to')}>${found.map((one) => html`<li key=${one.number}><button type="button" role="option" aria-selected=${chosen?.number === one.number} onClick=${() => choose(one)}>
        <${Icon} name=${one.kind === 'queue' ? 'queue' : 'user'} /><span class="grow truncate">${one.name}</span><span class="mono soft">${one.number}</span>
        <${Badge} state=${TONE[one.state]}>${one.kind === 'queue' ? t('panel.transfer.waits', { count: one.waiting }) : t(`panel.person.${one.state}`)}<//></button></li>`)}</ul>`}<//>`;
}
