// One step of a flow as a block: what it does and where it leads in a line, its fields when it is opened.
import { html } from '../core/html.js';
import { t, tOr } from '../core/i18n.js';
import { Button, Icon } from '../ui/index.js';
import { destinationText } from './destination.js';
import { Fields } from './forms.js';
import { ICONS, kindOf, USUAL, ways } from './steps.js';

export function Block({ step, site, open, onOpen, onChange, onRemove, onMove, newBranch, first, last, errors, onHold, onDrop, edits }) {
  const kind = kindOf(step, site.schema) || '';
  const title = tOr(`admin.step.${kind}`, kind);
  const fields = kind ? site.schema.steps[kind].fields.map((one) => (one.name === kind ? { ...one, required: true } : one)) : [];
  // A branch that a field asks for is made with the same change that names it.
  let made = '';
  const known = { ...site, onBranch: () => { made = newBranch(); return made; } };
  const put = (next) => { onChange(next, made); made = ''; };
  return html`<li class=${`admin-block ${open ? 'open' : ''} ${errors.length ? 'wrong' : ''}`} onDragOver=${(event) => event.preventDefault()} onDrop=${onDrop}>
    <div class="admin-block-head" draggable=${edits} onDragStart=${(event) => { event.dataTransfer.setData('text/plain', kind); onHold(); }}>
      <button type="button" class="admin-block-open" aria-expanded=${open} onClick=${onOpen}><${Icon} name=${ICONS[kind] || 'info'} size=${18} />
        <strong>${title}</strong><span class="truncate soft grow">${summary(step, kind, site)}</span><${Icon} name=${open ? 'up' : 'down'} size=${16} /></button></div>
    ${!open && html`<ul class="admin-ways">${ways(step, kind, site.schema).map(([label, to]) => html`<li key=${`${label}${to}`}>
      ${label && html`<kbd>${tOr(`admin.field.${label}`, label)}</kbd>`}<span class=${to.startsWith('branch:') ? 'admin-to' : ''} data-leads=${to.startsWith('branch:') ? to.slice(7) : undefined}>${destinationText(to, site)}</span></li>`)}</ul>`}
    ${open && html`<div class="admin-block-body"><fieldset class="admin-plain" disabled=${!edits}><${Fields} fields=${fields} value=${step} onChange=${put} site=${known} errors=${errors} only=${USUAL[kind]} /></fieldset>
      ${edits && html`<div class="row"><${Button} small kind="quiet" icon="up" label=${t('admin.up')} disabled=${first} onClick=${() => onMove(-1)} />
        <${Button} small kind="quiet" icon="down" label=${t('admin.down')} disabled=${last} onClick=${() => onMove(1)} />
        <${Button} small kind="quiet" icon="trash" onClick=${onRemove}>${t('admin.block.remove')}<//><span class="grow" /><${Button} small icon="check" onClick=${onOpen}>${t('admin.block.done')}<//></div>`}</div>`}
    ${errors.map((one) => html`<p class="admin-wrong" role="alert" key=${one.text}>${one.expected ? t('admin.expected', one) : one.text}</p>`)}</li>`;
}

/** What a block does, in a few words. */
function summary(step, kind, site) {
  const said = (clips) => [clips].flat().filter(Boolean).join(', ');
  switch (kind) {
    case 'play': return said(step.play);
    case 'choice': return said(step.prompt);
    case 'hours': return step.hours;
    case 'queue': return site.names.queue?.find((one) => one.name === step.queue)?.title || step.queue;
    case 'say': return step.say;
    case 'if': return step.if;
    case 'switch': return step.switch;
    case 'collect': return step.collect;
    default: return '';
  }
}
