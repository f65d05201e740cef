// The script of a call: its steps are ticked, its fields are written down, and both stay with the call.
import { html, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { locale, t, time } from '../core/i18n.js';
import { useEvent } from '../core/live.js';
import { Card, Field, attempt } from '../ui/index.js';
import { Markdown } from './markdown.js';

const said = (texts) => texts[locale()] ?? texts[''] ?? Object.values(texts)[0] ?? '';

/** call: its id. Nothing is shown where the queue of the call has no script. */
export function Script({ call }) {
  const [found, set] = useState(null);
  const load = () => api.get(path('/api/calls/{call}/script', { call })).then(set, () => set(null));
  useEffect(() => {
    set(null);
    if (call) load();
  }, [call]);
  useEvent('call.script', (event) => event.call === call && load());
  if (!found?.script || found.call !== call) return null;
  const steps = Object.fromEntries(found.steps.map((one) => [one.step, one]));
  const done = found.script.steps.filter((one) => steps[one.step]?.done).length;
  const put = (step, body) => attempt(async () => {
    await api.put(path('/api/calls/{call}/script/{step}', { call, step }), { done: steps[step]?.done || false, fields: steps[step]?.fields || {}, ...body });
    await load();
  });
  return html`<${Card} title=${said(found.script.title)} icon="archive" class="customers-script" actions=${html`<span class="soft mono">${done} / ${found.script.steps.length}</span>`}>
    <ol>${found.script.steps.map((one) => html`<li key=${one.step} class=${steps[one.step]?.done ? 'done' : ''}>
      <label class="row"><input type="checkbox" checked=${steps[one.step]?.done || false} onChange=${(event) => put(one.step, { done: event.currentTarget.checked })} />
        <strong class="grow">${said(one.title)}</strong>${steps[one.step]?.done && html`<small class="soft">${time(1000 * steps[one.step].at)}</small>`}</label>
      <${Markdown} text=${said(one.text)} />
      ${one.fields.map((field) => html`<${Answer} key=${field.field} field=${field} value=${steps[one.step]?.fields[field.field] || ''}
        onKeep=${(value) => put(one.step, { fields: { ...steps[one.step]?.fields, [field.field]: value } })} />`)}</li>`)}</ol><//>`;
}

function Answer({ field, value, onKeep }) {
  const [text, set] = useState(value);
  useEffect(() => set(value), [value]);
  const choices = field.kind === 'yes_no' ? ['yes', 'no'] : field.choices;
  if (choices.length) {
    const options = [{ value: '', title: '–' }, ...choices.map((one) => ({ value: one, title: field.kind === 'yes_no' ? t(`customers.${one}`) : one }))];
    return html`<${Field} label=${said(field.title)} kind="select" options=${options} value=${value} onChange=${onKeep} />`;
  }
  return html`<${Field} label=${said(field.title)} kind="text" inputmode=${field.kind === 'number' ? 'decimal' : undefined} value=${text} onChange=${set} onBlur=${() => text !== value && onKeep(text)} />`;
}
