// Text messages: whether the provider takes them, what is sent by itself, and one to try it.
import { html, useEffect, useState } from '../core/html.js';
import { api } from '../core/api.js';
import { t, tOr } from '../core/i18n.js';
import { useEvent } from '../core/live.js';
import { link } from '../core/router.js';
import { Badge, Button, Card, Field, Skeleton, Stat, attempt } from '../ui/index.js';

export default function Sms() {
  const [state, set] = useState(null);
  const [to, setTo] = useState('');
  const [text, setText] = useState(t('campaigns.sms.hello'));
  const [told, tell] = useState(null);
  const load = () => attempt(async () => set(await api.get('/api/sms')));
  useEffect(() => { load(); }, []);
  useEvent('sms.sent', (event) => {
    if (event.notice === 'test') tell(event.error);
    load();
  });
  const send = () => { tell(null); return attempt(async () => set(await api.post('/api/sms/test', { to: to.trim(), text })), t('campaigns.sms.on_its_way')); };
  if (!state) return html`<div class="page"><${Card}><${Skeleton} /><//></div>`;
  return html`<div class="page"><div class="page-head"><h1>${t('campaigns.sms')}</h1><a class="button" href=${link('/admin/notice')}>${t('campaigns.sms.notices')}</a></div>
    <${Card} title=${t('campaigns.sms.provider')} icon="megaphone">${state.enabled ? html`<div class="stats"><${Stat} label=${t('campaigns.sms.host')} value=${state.provider} /><${Stat} label=${t('campaigns.sms.sender')} value=${state.sender || '–'} />
        <${Stat} label=${t('campaigns.sms.waiting')} value=${state.waiting} state=${state.trouble && state.waiting ? 'alarm' : undefined} /></div>
        ${state.trouble && html`<p class="campaigns-held state-alarm" role="alert">${t('campaigns.sms.trouble', { why: state.trouble })}</p>`}` : html`<p>${t('campaigns.sms.off')}</p>`}<//>
    <${Card} title=${t('campaigns.sms.try')}><div class="campaigns-form"><${Field} label=${t('campaigns.column.number')} inputmode="tel" value=${to} onChange=${setTo} maxlength="64" />
      <${Field} label=${t('campaigns.sms.text')} value=${text} onChange=${setText} maxlength="480" /></div>
      <div class="row"><${Button} kind="primary" disabled=${!state.enabled || !/\d{3}/.test(to) || !text.trim()} onClick=${send}>${t('campaigns.sms.send')}<//>
        ${told !== null && html`<${Badge} state=${told ? 'alarm' : 'good'}>${told ? t('campaigns.sms.failed', { why: tOr(`campaigns.sms.why.${told}`, told) }) : t('campaigns.sms.sent')}<//>`}</div><//></div>`;
}
