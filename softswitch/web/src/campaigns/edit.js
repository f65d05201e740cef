// A campaign as a form: who calls, when, how often, and what they see.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { t } from '../core/i18n.js';
import { Button, Dialog, Field, Skeleton, attempt, confirm, toast } from '../ui/index.js';

const START = { title: '', queue: '', agents: [], mode: 'preview', hours: ['Mon-Fri 09:00-20:00'], attempts: 3, gap: 4, caller_number: '', steps: '', script: '', deny: [], max_abandoned: 3 };
const plain = (title) => title.normalize('NFKD').replace(/[łŁ]/g, 'l').replace(/[^\w\s-]/g, '').trim().toLowerCase().replace(/[\s_]+/g, '-').slice(0, 32);

/** campaign: its name; "" makes a new one. onClose(name): what was kept, or nothing. */
export function Edit({ campaign = '', onClose }) {
  const [form, set] = useState(campaign ? null : START);
  const [object, keep] = useState({ body: {}, version: 0 });
  const [site, know] = useState(null);
  const [errors, tell] = useState([]);
  useEffect(() => {
    attempt(async () => {
      const known = await api.get('/api/names');
      know(known);
      if (!campaign) return keep({ body: {}, version: known.version });
      const found = await api.get(path('/api/site/campaign/{name}', { name: campaign }));
      keep(found);
      return set({ ...START, ...found.body });
    });
  }, [campaign]);
  if (!form || !site) return html`<${Dialog} title=${t('campaigns.edit')} onClose=${() => onClose()}><${Skeleton} lines=${6} /><//>`;
  const put = (name) => (value) => set((before) => ({ ...before, [name]: value }));
  const wrong = (name) => errors.find((one) => one.key.split('.')[2]?.replace(/\[.*/, '') === name)?.text;
  const names = (kind, empty) => [...(empty === undefined ? [] : [{ value: '', title: empty }]), ...(site.names[kind] || []).map((one) => ({ value: one.name, title: one.title || one.name }))];
  const save = async () => {
    tell([]);
    const name = campaign || plain(form.title);
    if (!name) return tell([{ key: 'campaign..title', text: t('campaigns.title_needed') }]);
    const body = { ...object.body, ...Object.fromEntries(Object.entries(form).filter(([key, value]) => key === 'queue' || JSON.stringify(value) !== JSON.stringify(START[key]) || key in object.body)) };
    for (const key of ['attempts', 'gap', 'max_abandoned']) if (key in body) body[key] = Number(body[key]);
    if (!('hours' in object.body) && JSON.stringify(body.hours) === JSON.stringify(START.hours)) delete body.hours;
    try {
      await api.patch('/api/site', { version: object.version, put: [{ kind: 'campaign', name, body }], create: !campaign });
    } catch (error) {
      const fields = (error.body?.fields || []).map((one) => ({ key: one.key, text: one.expected || one.error }));
      tell(fields);
      const loose = fields.filter((one) => !(one.key.split('.')[2]?.replace(/\[.*/, '') in START));
      if (!fields.length || loose.length) toast(loose[0]?.text || error.message, { kind: 'alarm', detail: error.hint });
      return undefined;
    }
    toast(t('campaigns.saved'), { kind: 'good' });
    return onClose(name);
  };
  const remove = async () => {
    if (!(await confirm(t('campaigns.remove_sure', { name: form.title || campaign })))) return;
    if (await attempt(() => api.patch('/api/site', { version: object.version, remove: [{ kind: 'campaign', name: campaign }] }), t('campaigns.removed'))) onClose();
  };
  const chosen = (name, kind) => html`<fieldset class="campaigns-choice"><legend>${t(`campaigns.${name}`)}</legend>${(site.names[kind] || []).map((one) => html`<label key=${one.name} class="row">
    <input type="checkbox" checked=${form[name].includes(one.name)} onChange=${(event) => put(name)(event.currentTarget.checked ? [...form[name], one.name] : form[name].filter((each) => each !== one.name))} /> ${one.title || one.name}</label>`)}
    <small class=${wrong(name) ? 'error' : 'soft'}>${wrong(name) || t(`campaigns.${name}_hint`)}</small></fieldset>`;
  const field = (name, more = {}) => html`<${Field} label=${t(`campaigns.${name}`)} value=${form[name]} onChange=${put(name)} error=${wrong(name)} ...${more} />`;
  const modes = ['preview', 'progressive'].map((value) => ({ value, title: t(`campaigns.mode.${value}`) }));
  return html`<${Dialog} wide title=${campaign ? t('campaigns.edit') : t('campaigns.new')} onClose=${() => onClose()} actions=${html`
    ${campaign && html`<${Button} kind="quiet" icon="trash" onClick=${remove}>${t('campaigns.remove')}<//>`}
    <${Button} onClick=${() => onClose()}>${t('campaigns.cancel')}<//><${Button} kind="primary" onClick=${save}>${t('campaigns.save')}<//>`}>
    <div class="campaigns-form">${field('title')}${field('queue', { kind: 'select', options: names('queue', '–') })}
      ${field('mode', { kind: 'select', options: modes, hint: t(`campaigns.mode.${form.mode}.what`) })}
      ${field('caller_number', { inputmode: 'tel', hint: t('campaigns.caller_number_hint') })}
      <${Field} label=${t('campaigns.hours')} kind="textarea" value=${form.hours.join('\n')} onChange=${(text) => put('hours')(text.split('\n').filter((line) => line.trim()))} hint=${t('campaigns.hours_hint')} error=${wrong('hours')} />
      ${field('attempts', { kind: 'number', min: 1, max: 20 })}${field('gap', { kind: 'number', min: 0.05, step: 'any' })}${field('max_abandoned', { kind: 'number', min: 0, max: 100, step: 'any', hint: t('campaigns.max_abandoned_hint') })}
      ${field('steps', { kind: 'select', options: names('script', t('campaigns.steps_none')), hint: t('campaigns.steps_hint') })}
      ${chosen('agents', 'agent')}${chosen('deny', 'list')}</div>
    ${field('script', { kind: 'textarea', rows: 6, hint: t('campaigns.script_hint') })}<//>`;
}
