// A card as a form, for a new customer and for changes.
import { html, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { Button, Dialog, Field, toast } from '../ui/index.js';

export const mayChange = (who) => who.role === 'administrator' || who.role === 'supervisor';

/** Agents by name, with their titles. */
export const useAgents = () => useLive('agents', (rows) => Object.fromEntries(rows.map((one) => [one.agent, one.title || one.agent]))) || {};

/** Something of the switch that is there at most as http or https: whatever else stands there leads nowhere. */
export const safeLink = (text) => (/^https?:\/\//i.test(text || '') ? text : undefined);

const listed = (text) => text.split(/[,;\n]/).map((one) => one.trim()).filter(Boolean);
const fieldsOf = (text) => Object.fromEntries(text.split('\n').filter((line) => line.includes('=')).map((line) => {
  const at = line.indexOf('=');
  return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}));

export function Edit({ card = null, agents, onClose }) {
  const [form, set] = useState({
    customer: '', name: card?.name || '', company: card?.company || '', numbers: (card?.numbers || []).join(', '), email: card?.email || '',
    link: card?.link || '', language: card?.language || '', segment: card?.segment || '', manager: card?.manager || '', vip: card?.vip || false, do_not_call: card?.do_not_call || false,
    tags: (card?.tags || []).join(', '), fields: Object.entries(card?.fields || {}).map(([name, value]) => `${name}=${value}`).join('\n'),
  });
  const put = (name) => (value) => set((before) => ({ ...before, [name]: value }));
  const save = async () => {
    const { customer, ...rest } = form;
    const kept = fieldsOf(form.fields);
    const gone = Object.fromEntries(Object.keys(card?.fields || {}).filter((name) => !(name in kept)).map((name) => [name, '']));
    const body = { ...rest, numbers: listed(form.numbers), tags: listed(form.tags), fields: { ...gone, ...kept } };
    try {
      const made = card
        ? await api.patch(path('/api/customers/{customer}', { customer: card.customer }), body)
        : await api.post('/api/customers', customer ? { customer, ...body } : body);
      toast(t('customers.saved'), { kind: 'good' });
      onClose(made);
    } catch (error) {
      toast(error.message, { kind: 'alarm', detail: error.hint });
    }
  };
  const field = (name, more = {}) => html`<${Field} label=${t(`customers.${name}`)} value=${form[name]} onChange=${put(name)} ...${more} />`;
  const managers = [{ value: '', title: '–' }, ...Object.entries(agents).map(([value, title]) => ({ value, title }))];
  return html`<${Dialog} wide title=${card ? t('customers.edit') : t('customers.new')} onClose=${() => onClose(null)} actions=${html`
    <${Button} onClick=${() => onClose(null)}>${t('customers.cancel')}<//><${Button} kind="primary" onClick=${save}>${t('customers.save')}<//>`}>
    <div class="customers-form">${field('name')}${field('company')}${field('numbers', { hint: t('customers.numbers_hint') })}${field('email', { kind: 'email' })}
      ${field('link', { kind: 'url' })}${field('tags', { hint: t('customers.tags_hint') })}
      ${field('manager', { kind: 'select', options: managers })}
      ${field('language', { kind: 'select', options: [{ value: '', title: '–' }, { value: 'pl', title: 'Polski' }, { value: 'en', title: 'English' }] })}
      ${field('segment')}${!card && field('customer', { hint: t('customers.customer_hint') })}
      ${field('fields', { kind: 'textarea', hint: t('customers.fields_hint') })}${field('vip', { kind: 'checkbox' })}${field('do_not_call', { kind: 'checkbox' })}</div><//>`;
}
