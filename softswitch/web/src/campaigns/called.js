// Beside a call of a campaign: what the list says of the customer, the script, and that they are to be called again.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { t } from '../core/i18n.js';
import { useEvent } from '../core/live.js';
import { Badge, Button, Field, attempt } from '../ui/index.js';
import { Markdown } from '../customers/markdown.js';
import { Facts, laterOptions } from './preview.js';

/** call: of the panel. Nothing is shown of a call that is of no campaign. */
export function Called({ call }) {
  const [found, set] = useState(null);
  const [later, setLater] = useState('3600');
  const [note, setNote] = useState('');
  const load = () => api.get(path('/api/calls/{call}/contact', { call: call.id })).then(set, () => set(null));
  useEffect(() => {
    set(null);
    if (call.id) load();
  }, [call.id, call.state]);
  useEvent('campaign.contact', (event) => event.contact === found?.contact?.id && load());
  const contact = found?.contact;
  if (!contact || found.call !== call.id) return null;
  const again = () => attempt(async () => {
    await api.post(path('/api/campaigns/{campaign}/contacts/{contact}/again', { campaign: found.campaign, contact: contact.id }), { note: note.trim(), later: Number(later) });
    await load();
  }, t('campaigns.again_kept'));
  return html`<div class="campaigns-called"><div class="row"><${Badge} state="wrap" icon="megaphone">${found.title}<//>${contact.name && html`<strong>${contact.name}</strong>`}</div>
    <${Facts} contact=${contact} />
    ${contact.script && html`<div class="campaigns-script"><${Markdown} text=${contact.script} /></div>`}
    ${['reached', 'not_reached'].includes(contact.status) && html`<div class="campaigns-skip"><${Field} label=${t('campaigns.reason')} value=${note} maxlength="500" onChange=${setNote} />
      <${Field} label=${t('campaigns.when')} kind="select" options=${laterOptions()} value=${later} onChange=${setLater} /><${Button} icon="callback" onClick=${again}>${t('campaigns.again')}<//></div>`}
    ${contact.status === 'waiting' && contact.call === call.id && html`<p class="soft">${t('campaigns.again_kept')}</p>`}</div>`;
}
