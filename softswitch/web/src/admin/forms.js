// Forms made of the schema: a control for each field, by its type. What has its default stays out of the object.
import { html, useId, useState } from '../ui/hooks.js';
import { LANGUAGES, t } from '../core/i18n.js';
import { Button, Field } from '../ui/index.js';
import { Destination } from './destination.js';
import { choiceText, fieldText, helpText, same } from './site.js';

const EMPTY = { list: [], rows: [], spans: [], map: {}, table: {}, special_days: {}, yes_no: false, branches: {}, steps: [] };

export function emptyOf(fields) {
  return Object.fromEntries(fields.filter((one) => one.required).map((one) => [one.name, one.default ?? EMPTY[one.type] ?? '']));
}

/** errors: [{ key, text }] with keys below `at`; only: names shown at first, the others behind "more". */
export function Fields({ fields, value, onChange, site, errors = [], at = '', only }) {
  const put = (field, made) => {
    const next = { ...value };
    if (!field.required && (same(made, field.default) || made === undefined)) delete next[field.name];
    else next[field.name] = made;
    onChange(next);
  };
  const shown = (field) => !only || only.includes(field.name) || field.required || field.name in value || wrong(errors, at, field.name);
  const draw = (field) => html`<${Control} key=${field.name} field=${field} value=${value[field.name] ?? field.default ?? EMPTY[field.type] ?? ''}
    onChange=${(made) => put(field, made)} site=${site} errors=${errors} at=${`${at}${field.name}`} />`;
  const usual = fields.filter((one) => !one.secret || one.name === 'pin').filter(shown);
  const more = fields.filter((one) => (!one.secret || one.name.endsWith('pin')) && !usual.includes(one));
  return html`<div class="admin-fields">${usual.map(draw)}</div>
    ${more.length > 0 && html`<${More} count=${more.length}>${() => html`<div class="admin-fields">${more.map(draw)}</div>`}<//>`}`;
}

function More({ count, children }) {
  const [open, set] = useState(false);
  return html`<details class="admin-more" open=${open} onToggle=${(event) => set(event.currentTarget.open)}>
    <summary>${t('admin.more', { count })}</summary>${open && children()}</details>`;
}

const wrong = (errors, at, name) => errors.some((one) => one.key === `${at}${name}` || one.key.startsWith(`${at}${name}.`) || one.key.startsWith(`${at}${name}[`));

function Control({ field, value, onChange, site, errors, at }) {
  const label = fieldText(field.name);
  const own = errors.find((one) => one.key === at);
  const unit = field.unit ? ` (${t(`admin.unit.${field.unit}`)})` : '';
  const shared = { label: `${label}${unit}`, error: own && (own.expected || own.text), hint: helpText(field) };
  if (field.type === 'yes_no') return html`<${Field} kind="checkbox" ...${shared} value=${value} onChange=${onChange} />`;
  if (field.type === 'whole' || field.type === 'number') {
    const read = (text) => onChange(text === '' ? field.default : Number(text));
    return html`<${Field} kind="number" ...${shared} value=${value ?? ''} min=${field.minimum} max=${field.maximum} step=${field.type === 'whole' ? 1 : 'any'} onChange=${read} />`;
  }
  if (field.refers === 'destination' && field.type === 'text') return html`<${Destination} ...${shared} value=${value} onChange=${onChange} site=${site} empty=${!field.required} />`;
  if (field.type === 'choice' && !field.open) return html`<${Field} kind="select" ...${shared} value=${value} onChange=${onChange} options=${field.choices.map((one) => ({ value: one, title: choiceText(one) }))} />`;
  if (field.type === 'text' || field.type === 'choice') return html`<${Text} ...${shared} field=${field} value=${value} onChange=${onChange} site=${site} />`;
  if (field.type === 'list') return html`<${List} ...${shared} field=${field} value=${value} onChange=${onChange} site=${site} />`;
  if (field.type === 'spans') return html`<${Field} kind="textarea" ...${shared} hint="Mon-Fri 08:00-20:00" value=${value.join('\n')} onChange=${(text) => onChange(text === '' ? [] : text.split('\n'))} />`;
  if (field.type === 'map' && field.name === 'title') return html`<${Titles} ...${shared} value=${value} onChange=${onChange} />`;
  if (field.type === 'map') return html`<${Pairs} ...${shared} field=${field} value=${value} onChange=${onChange} site=${site} errors=${errors} at=${at} />`;
  if (field.type === 'special_days') return html`<${Days} ...${shared} value=${value} onChange=${onChange} />`;
  if (field.type === 'rows') return html`<${Rows} ...${shared} field=${field} value=${value} onChange=${onChange} site=${site} errors=${errors} at=${at} />`;
  if (field.type === 'table') {
    return html`<fieldset class="admin-part"><legend>${label}</legend><${Fields} fields=${field.fields} value=${value} onChange=${onChange} site=${site} errors=${errors} at=${`${at}.`} only=${[]} /></fieldset>`;
  }
  return null; // steps and branches are blocks: flow.js
}

/** Text; where it names something of the site, one of those. */
function Text({ field, value, onChange, site, ...shared }) {
  const names = field.choices?.map((name) => ({ name, title: '', shown: choiceText(name) })) || (field.refers === 'clip' ? site.clips.map((name) => ({ name, title: '' })) : site.names[field.refers]);
  if (!names) return html`<${Field} ...${shared} value=${value} onChange=${onChange} />`;
  const known = names.some((one) => one.name === value) || value === field.default; // what is ours needs no object
  const options = [...(field.required && known ? [] : [{ value: '', title: '–' }]), ...(value && !known ? [{ value, title: `${value} ?` }] : []), ...(value && value === field.default && !names.some((one) => one.name === value) ? [{ value, title: value }] : []), ...names.map(titled)];
  return html`<${Field} kind="select" ...${shared} value=${value} onChange=${onChange} options=${options} />`;
}

export const titled = (one) => ({ value: one.name, title: one.shown ? one.shown : one.title && one.title !== one.name ? `${one.title} (${one.name})` : one.name });

/** Several of them: chosen one after the other, in an order. */
function List({ field, value, onChange, site, label, error, hint }) {
  const id = useId();
  const known = field.choices?.map((name) => ({ name, title: '', shown: choiceText(name) })) || (field.refers === 'clip' ? site.clips.map((name) => ({ name, title: '' })) : site.names[field.refers]);
  const [typed, type] = useState('');
  const add = (text) => { if (text && !value.includes(text)) onChange([...value, text]); type(''); };
  return html`<div class="field"><label for=${id}>${label}</label>
    <div class="admin-chips">${value.map((one, at) => html`<span class="admin-chip" key=${one}>${field.choices ? choiceText(one) : one}
      <button type="button" aria-label=${t('admin.remove.one', { name: one })} onClick=${() => onChange(value.filter((_, i) => i !== at))}>×</button></span>`)}
      ${known && !(field.refers === 'clip')
        ? html`<select id=${id} value="" onChange=${(event) => { add(event.currentTarget.value); event.currentTarget.value = ''; }}><option value="">${t('admin.add')}</option>
            ${known.filter((one) => !value.includes(one.name)).map((one) => html`<option value=${one.name}>${titled(one).title}</option>`)}</select>`
        : html`<input id=${id} list=${known ? `${id}-known` : undefined} value=${typed} placeholder=${t('admin.add')} onInput=${(event) => type(event.currentTarget.value)}
            onKeyDown=${(event) => { if (event.key === 'Enter' && typed) { event.preventDefault(); add(typed); } }} onChange=${(event) => add(event.currentTarget.value)} />
          ${known && html`<datalist id=${`${id}-known`}>${known.map((one) => html`<option value=${one.name} />`)}</datalist>`}`}</div>
    ${(error || hint) && html`<small class=${error ? 'error' : ''}>${error || hint}</small>`}</div>`;
}

/** Names with values, such as keys with destinations. */
export function Pairs({ field, value, onChange, site, label, error, hint, errors = [], at = '' }) {
  const entries = Object.entries(value);
  const put = (index, key, one) => onChange(Object.fromEntries(entries.map((pair, i) => (i === index ? [key, one] : pair))));
  const next = () => ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '*', '#'].find((key) => !(key in value)) || '';
  const read = (text) => (field.of === 'number' || field.of === 'whole' ? Number(text) : text);
  return html`<fieldset class="admin-part"><legend>${label}</legend>
    ${entries.map(([key, one], index) => {
      const told = errors.find((two) => two.key === `${at}.${key}`);
      return html`<div class="admin-pair" key=${index}>
        <${Field} label=${t(field.name === 'dids' ? 'admin.place.outside' : 'admin.key')} value=${key} onChange=${(text) => put(index, text, one)} class=${field.name === 'dids' ? '' : 'admin-narrow'} placeholder=${field.name === 'dids' ? '+48221234567' : undefined} />
        ${field.refers === 'destination'
          ? html`<${Destination} label=${t('admin.leads')} value=${one} onChange=${(made) => put(index, key, made)} site=${site} error=${told && (told.expected || told.text)} />`
          : html`<${Field} label=${t('admin.value')} value=${one} onChange=${(text) => put(index, key, read(text))} error=${told && told.expected} />`}
        <${Button} kind="quiet" small icon="trash" label=${t('admin.remove.one', { name: key })} onClick=${() => onChange(Object.fromEntries(entries.filter((_, i) => i !== index)))} /></div>`;
    })}
    <${Button} small icon="plus" onClick=${() => onChange({ ...value, [field.name === 'dids' ? '' : next()]: field.of === 'text' ? '' : 0 })}>${t('admin.add')}<//>
    ${(error || hint) && html`<small class=${`soft ${error ? 'error' : ''}`}>${error || hint}</small>`}</fieldset>`;
}

/** A text in the languages of the pages; those of others stay as they are. */
function Titles({ value, onChange, label, error, hint }) {
  const known = typeof value === 'string' ? { pl: value, en: value } : value || {};
  const put = (language, text) => {
    const { [language]: _, '': any, ...rest } = { ...(known[''] ? { pl: known[''], en: known[''] } : {}), ...known };
    onChange(text ? { ...rest, [language]: text } : rest);
  };
  return html`<fieldset class="admin-titles"><legend>${label}</legend>
    ${Object.entries(LANGUAGES).map(([language, name]) => html`<${Field} key=${language} label=${name} value=${known[language] ?? known[''] ?? ''} onChange=${(text) => put(language, text)} maxlength="80" />`)}
    ${(error || hint) && html`<small class=${error ? 'error' : 'soft'}>${error || hint}</small>`}</fieldset>`;
}

function Days({ value, onChange, ...shared }) {
  const [text, write] = useState(() => Object.entries(value).map(([day, times]) => `${day} ${times.join(', ')}`.trim()).join('\n'));
  const read = (typed) => {
    write(typed);
    onChange(Object.fromEntries(typed.split('\n').filter((line) => line.trim()).map((line) => {
      const [day, ...times] = line.trim().split(/\s+/);
      return [day, times.join(' ').split(',').map((one) => one.trim()).filter(Boolean)];
    })));
  };
  return html`<${Field} kind="textarea" ...${shared} hint="2026-12-24 08:00-13:00" value=${text} onChange=${read} />`;
}

function Rows({ field, value, onChange, site, label, error, hint, errors, at }) {
  const move = (from, to) => {
    const next = [...value];
    next.splice(to, 0, ...next.splice(from, 1));
    onChange(next);
  };
  return html`<fieldset class="admin-part"><legend>${label}</legend>
    ${value.map((one, index) => html`<div class="admin-row" key=${index}>
      <${Fields} fields=${field.fields} value=${one} onChange=${(made) => onChange(value.map((two, i) => (i === index ? made : two)))} site=${site} errors=${errors} at=${`${at}[${index}].`} />
      <div class="row"><${Button} kind="quiet" small icon="up" label=${t('admin.up')} disabled=${!index} onClick=${() => move(index, index - 1)} />
        <${Button} kind="quiet" small icon="down" label=${t('admin.down')} disabled=${index === value.length - 1} onClick=${() => move(index, index + 1)} />
        <${Button} kind="quiet" small icon="trash" label=${t('admin.remove')} onClick=${() => onChange(value.filter((_, i) => i !== index))} /></div></div>`)}
    <${Button} small icon="plus" onClick=${() => onChange([...value, emptyOf(field.fields)])}>${t('admin.add')}<//>
    ${(error || hint) && html`<small class=${`soft ${error ? 'error' : ''}`}>${error || hint}</small>`}</fieldset>`;
}
