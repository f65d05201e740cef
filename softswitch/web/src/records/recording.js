// One recording: heard, marked, handed on.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, t } from '../core/i18n.js';
import { link } from '../core/router.js';
import { Button, Card, Dialog, Empty, Field, Icon, Skeleton, attempt, toast } from '../ui/index.js';
import { Player } from './player.js';
import { StateOf } from './recordings.js';

const HOURS = [24, 72, 168, 720];

export default function Recording({ recording, who }) {
  const [found, set] = useState(null);
  const [missing, setMissing] = useState('');
  const [sharing, share] = useState(false);
  const where = path('/api/recordings/{recording}', { recording });
  useEffect(() => {
    let here = true;
    api.get(where).then((one) => here && set(one), (error) => here && setMissing(error.message));
    return () => { here = false; };
  }, [where]);
  if (missing) return html`<div class="page"><${Empty} icon="search" text=${missing} /></div>`;
  if (!found) return html`<div class="page"><${Skeleton} lines=${5} /></div>`;
  const can = { mark: who.role !== 'auditor', hold: who.role === 'supervisor' || who.role === 'administrator' };
  const playable = found.ended_at != null && found.deleted_at == null && !found.error;
  const mark = (change) => attempt(async () => set(await api.patch(where, change)), t('records.saved'));
  return html`<div class="page"><div class="page-head">
      <div class="column records-title"><a class="records-back" href=${link('/recordings')}><${Icon} name="left" size=${16} />${t('records.recordings')}</a>
        <h1>${found.caller || t('records.hidden')} <span class="soft">→ ${found.agent || '–'}</span></h1></div>
      ${playable && html`<a class="button small records-file" href=${`${where}/audio?download=true`} download><${Icon} name="download" size=${16} /><span>${t('records.download')}</span></a>`}
      ${playable && can.hold && html`<${Button} small icon="link" onClick=${() => share(true)}>${t('records.share')}<//>`}</div>
    <${Card}>${playable
      ? html`<${Player} source=${`${where}/audio`} peaks=${`${where}/peaks`} seconds=${found.seconds} sides=${[found.agent || t('records.agent'), found.caller || t('records.caller')]} />`
      : html`<${Empty} icon="volume" text=${t('records.nothing_to_hear')}><${StateOf} recording=${found} /><//>`}</${Card}>
    <div class="grid">
      <${Card} title=${t('records.about')} icon="info"><dl class="records-facts">
        <dt>${t('records.began')}</dt><dd>${dateTime(1000 * found.started_at)}</dd>
        <dt>${t('records.queue')}</dt><dd>${found.queue || '–'}</dd>
        <dt>${t('records.agent')}</dt><dd>${found.agent || '–'}</dd>
        <dt>${t('records.call')}</dt><dd><a href=${link(`/calls/${encodeURIComponent(found.call)}`)}>${t('records.story')}</a></dd>
        <dt>${t('records.kept')}</dt><dd>${found.held ? t('records.kept_held') : found.days ? t('records.kept_until', { date: dateTime(1000 * (found.started_at + 86_400 * found.days)) }) : t('records.kept_ever')}</dd>
        ${found.paused_seconds > 0 && html`<dt>${t('records.paused')}</dt><dd>${t('records.seconds', { count: Math.round(found.paused_seconds) })}</dd>`}
      </dl></${Card}>
      <${Marks} key=${found.recording} found=${found} can=${can} mark=${mark} />
    </div>
    ${sharing && html`<${Share} where=${where} onClose=${() => share(false)} />`}</div>`;
}

function Marks({ found, can, mark }) {
  const [tag, setTag] = useState('');
  const [note, setNote] = useState(found.note);
  const add = async (event) => {
    event.preventDefault();
    const name = tag.trim();
    if (name && !found.tags.includes(name) && (await mark({ tags: [...found.tags, name] }))) setTag('');
  };
  return html`<${Card} title=${t('records.marks')} icon="edit"><div class="column">
    <div class="records-tags">${found.tags.map((one) => html`<span key=${one} class="records-tag">${one}${can.mark && html`
      <button type="button" aria-label=${t('records.remove_tag', { tag: one })} onClick=${() => mark({ tags: found.tags.filter((other) => other !== one) })}><${Icon} name="close" size=${12} /></button>`}</span>`)}
      ${!found.tags.length && !can.mark && html`<span class="soft">${t('records.no_tags')}</span>`}</div>
    ${can.mark && html`<form class="row" onSubmit=${add}><input class="input grow" maxlength="40" value=${tag} placeholder=${t('records.new_tag')} aria-label=${t('records.new_tag')} onInput=${(event) => setTag(event.currentTarget.value)} />
      <button type="submit" class="button" disabled=${!tag.trim()}>${t('ui.add')}</button></form>`}
    <${Field} label=${t('records.note')} kind="textarea" maxlength="2000" value=${note} readonly=${!can.mark} onChange=${setNote} />
    <div class="row">${can.mark && html`<${Button} kind="primary" disabled=${note === found.note} onClick=${() => mark({ note })}>${t('ui.save')}<//>`}
      ${can.hold && html`<${Button} icon=${found.held ? 'play' : 'pause'} aria-pressed=${found.held} onClick=${() => mark({ held: !found.held })}>${t(found.held ? 'records.release' : 'records.hold')}<//>`}</div>
  </div></${Card}>`;
}

function Share({ where, onClose }) {
  const [hours, setHours] = useState('72');
  const [made, set] = useState('');
  const make = () => attempt(async () => set(location.origin + (await api.post(`${where}/links`, { hours: Number(hours) })).path));
  const copy = async () => {
    await navigator.clipboard.writeText(made);
    toast(t('records.copied'), { kind: 'good' });
  };
  return html`<${Dialog} title=${t('records.share')} onClose=${onClose} actions=${made
    ? html`<${Button} kind="primary" onClick=${copy}>${t('records.copy')}<//>`
    : html`<${Button} kind="primary" onClick=${make}>${t('records.make_link')}<//>`}>
    <p class="soft">${t('records.share_text')}</p>
    ${made
      ? html`<input class="input mono" readonly value=${made} aria-label=${t('records.link')} onFocus=${(event) => event.currentTarget.select()} />`
      : html`<${Field} label=${t('records.good_for')} kind="select" value=${hours} onChange=${setHours} options=${HOURS.map((one) => ({ value: String(one), title: t('records.days', { count: one / 24 }) }))} />`}
  <//>`;
}
