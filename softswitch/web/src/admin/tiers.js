// Who serves a queue, in which tier: dragged with the mouse, or moved with the keyboard.
import { html, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { Icon } from '../ui/index.js';

const MOST = 12; // tiers that are all shown

export function Tiers({ members, agents, onChange, errors, edits }) {
  const [dragged, drag] = useState(null);
  const [over, hover] = useState(null);
  const tierOf = (one) => one.tier || 0;
  const tiers = [...new Set(members.map(tierOf))].sort((a, b) => a - b);
  const highest = tiers.at(-1) ?? 0;
  // Empty ones in between stay where they are, so that nobody's tier seems to change; a queue with far numbers has only its own.
  const shown = highest < MOST ? Array.from({ length: highest + 2 }, (_, tier) => tier) : [...tiers, highest + 1];
  const free = agents.filter((one) => !members.some((two) => two.agent === one.name));
  const set = (agent, tier) => {
    const before = members.find((one) => one.agent === agent) || { agent };
    const { tier: _, position: __, ...rest } = before;
    onChange([...members.filter((one) => one.agent !== agent), tier ? { ...rest, tier } : rest].sort((a, b) => tierOf(a) - tierOf(b)));
  };
  const drop = (tier) => (event) => {
    event.preventDefault();
    if (dragged) set(dragged, tier);
    drag(null);
    hover(null);
  };
  const key = (one) => (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step && edits) {
      event.preventDefault();
      if (tierOf(one) + step >= 0) set(one.agent, tierOf(one) + step);
    }
    if (event.key === 'Delete' && edits) onChange(members.filter((two) => two !== one));
  };
  const name = (agent) => agents.find((one) => one.name === agent)?.title || agent;
  return html`<fieldset class="admin-part"><legend>${t('admin.tiers')}</legend><p class="soft" id="tiers-help">${t('admin.tiers.help')}</p>
    <div class="admin-tiers">${shown.map((tier) => html`
      <div key=${tier} class=${`admin-tier ${over === tier ? 'over' : ''}`} role="list" aria-label=${t('admin.tier', { tier: tier + 1 })}
        onDragOver=${(event) => { if (dragged) { event.preventDefault(); hover(tier); } }} onDragLeave=${() => hover(null)} onDrop=${drop(tier)}>
        <h3>${t('admin.tier', { tier: tier + 1 })}</h3>
        ${members.filter((one) => tierOf(one) === tier).map((one) => html`<div key=${one.agent} class="admin-member" role="listitem" tabindex="0" aria-describedby="tiers-help"
          draggable=${edits} onDragStart=${(event) => { event.dataTransfer.setData('text/plain', one.agent); drag(one.agent); }} onDragEnd=${() => drag(null)} onKeyDown=${key(one)}>
          <${Icon} name="user" size=${16} /><span class="grow truncate">${name(one.agent)}</span>
          ${edits && html`<button type="button" aria-label=${t('admin.remove.one', { name: name(one.agent) })} onClick=${() => onChange(members.filter((two) => two !== one))}>×</button>`}</div>`)}
        ${edits && free.length > 0 && html`<select aria-label=${t('admin.tier.add', { tier: tier + 1 })} value="" onChange=${(event) => { set(event.currentTarget.value, tier); event.currentTarget.value = ''; }}>
          <option value="">${t('admin.tier.put')}</option>${free.map((one) => html`<option key=${one.name} value=${one.name}>${one.title ? `${one.title} (${one.name})` : one.name}</option>`)}</select>`}
      </div>`)}</div>
    ${errors.filter((one) => one.key.startsWith('members')).map((one) => html`<small class="error" key=${one.key}>${one.text}</small>`)}</fieldset>`;
}
