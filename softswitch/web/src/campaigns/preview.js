// In the panel of an agent: whom a preview campaign would have called next, and what to do about it.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { dateTime, t } from '../core/i18n.js';
import { refresh, useLive } from '../core/live.js';
import { Badge, Button, Card, Field, Icon, attempt } from '../ui/index.js';
import { Markdown } from '../customers/markdown.js';
import { outcomeText } from './parts.js';

export const LATER = [900, 3_600, 4 * 3_600, 86_400, 3 * 86_400, 7 * 86_400];
export const laterOptions = () => LATER.map((value) => ({ value: String(value), title: t(`campaigns.later.${value}`) }));

/** What the list says of somebody. */
export function Facts({ contact }) {
  const fields = Object.entries(contact.fields);
  return html`${fields.length > 0 && html`<dl class="campaigns-facts">${fields.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`}
    ${contact.attempts > 0 && html`<p class="soft"><${Icon} name="phone-out" size=${16} /> ${t('campaigns.called_before', { count: contact.attempts })}${contact.last ? ` · ${dateTime(1000 * contact.last)}` : ''}${contact.outcome ? ` · ${outcomeText(contact.outcome)}` : ''}</p>`}
    ${contact.note && html`<p><${Icon} name="edit" size=${16} /> ${contact.note}</p>`}`;
}

export function Preview({ who, me, calls }) {
  const campaigns = useLive('campaigns', (rows) => rows.filter((one) => one.mode === 'preview' && one.enabled && !one.paused));
  const busy = calls.length > 0 || me.activity === 'wrapup' || me.presence === 'offline';
  if (!campaigns?.length || busy) return null;
  return campaigns.map((one) => html`<${Next} key=${one.campaign} one=${one} who=${who} />`);
}

function Next({ one }) {
  const [contact, show] = useState(null);
  const [card, know] = useState(null);
  const [none, say] = useState('');
  const [note, setNote] = useState('');
  const [later, setLater] = useState('3600');
  const address = (verb) => path(`/api/campaigns/{campaign}/contacts/{contact}/${verb}`, { campaign: one.campaign, contact: contact.id });
  useEffect(() => {
    know(null);
    if (contact) api.get(path('/api/customers', {}, { number: contact.number })).then((rows) => know(rows[0]), () => {});
  }, [contact?.id]);
  const next = () => attempt(async () => {
    const found = await api.post(path('/api/campaigns/{campaign}/next', { campaign: one.campaign }), {});
    show(found.contact);
    setNote('');
    say(found.contact ? '' : found.held ? t('campaigns.held_why', { why: found.held }) : t('campaigns.nobody_now'));
  });
  const call = async () => {
    await attempt(() => api.post(address('accept'), {}), t('campaigns.phone_rings'));
    show(null); // Whoever could not be called is on the list again, for later.
    refresh('campaigns');
  };
  const put = (body, told) => async () => {
    if (!(await attempt(() => api.post(address('skip'), { note: note.trim(), ...body }), told))) return;
    show(null);
    await next();
    refresh('campaigns');
  };
  const title = one.title || one.campaign;
  return html`<${Card} title=${title} icon="megaphone" class="campaigns-preview" actions=${html`<span class="soft">${t('campaigns.left', { count: one.statuses.waiting })}</span>`}>
    ${!contact ? html`<div class="row">${none && html`<span class="soft grow">${none}</span>`}<${Button} kind="primary" icon="right" onClick=${next}>${t('campaigns.show_next')}<//></div>` : html`
      <div class="row"><strong class="campaigns-name">${contact.name || contact.number}</strong>${contact.name && html`<span class="mono soft">${contact.number}</span>`}
        ${card && html`<${Badge} state="info" icon="card">${[card.name, card.company].filter(Boolean).join(' · ') || card.customer}<//>`}${card?.vip && html`<${Badge} state="wrap" icon="star">VIP<//>`}</div>
      <${Facts} contact=${contact} />
      ${contact.script && html`<div class="campaigns-script"><${Markdown} text=${contact.script} /></div>`}
      <div class="row campaigns-do"><${Button} kind="good" icon="phone-out" class="big" onClick=${call}>${t('campaigns.call')}<//></div>
      <div class="campaigns-skip"><${Field} label=${t('campaigns.reason')} value=${note} maxlength="500" onChange=${setNote} />
        <${Field} label=${t('campaigns.when')} kind="select" options=${laterOptions()} value=${later} onChange=${setLater} />
        <${Button} icon="clock" onClick=${put({ later: Number(later) }, t('campaigns.put_off'))}>${t('campaigns.not_now')}<//>
        <${Button} icon="close" disabled=${!note.trim()} onClick=${put({ later: 0 }, t('campaigns.skipped'))}>${t('campaigns.skip')}<//></div>`}<//>`;
}
