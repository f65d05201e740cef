// The small parts of which all pages are made.
import { html, useId, useState } from './hooks.js';
import { t } from '../core/i18n.js';
import { Icon } from './icon.js';

/** kind: "primary" | "quiet" | "danger" | "good" | "" ; busy while what it does is under way: `onClick` may be async. */
export function Button({ kind = '', icon, label, busy = false, small, children, onClick, class: extra = '', ...rest }) {
  const [working, work] = useState(false);
  const press = async (event) => {
    const done = onClick?.(event);
    if (done?.then) {
      work(true);
      try { await done; } finally { work(false); }
    }
  };
  return html`<button type="button" class=${`button ${kind} ${small ? 'small' : ''} ${children ? '' : 'bare'} ${extra}`}
    aria-label=${label} title=${label} aria-busy=${working || busy} ...${rest} disabled=${rest.disabled || working || busy} onClick=${press}>
    ${icon && html`<${Icon} name=${icon} size=${small ? 16 : 20} />`}${children && html`<span>${children}</span>`}</button>`;
}

/** state: "good" | "talk" | "ring" | "wrap" | "warn" | "alarm" | "off" | "info" */
export function Badge({ state = 'off', icon, children, ...rest }) {
  return html`<span class=${`badge state-${state}`} ...${rest}>${icon ? html`<${Icon} name=${icon} size=${14} />` : html`<i class="dot" />`}${children}</span>`;
}

export function Card({ title, icon, actions, children, class: extra = '', ...rest }) {
  return html`<section class=${`card ${extra}`} ...${rest}>
    ${title && html`<header class="card-head">${icon && html`<${Icon} name=${icon} />`}<h2>${title}</h2><div class="card-actions">${actions}</div></header>`}
    ${children}</section>`;
}

/** One figure: `hint` says how it is computed. */
export function Stat({ label, value, state, hint, children }) {
  return html`<div class=${`stat ${state ? `state-${state}` : ''}`} title=${hint}><span class="stat-value">${value ?? children}</span><span class="stat-label">${label}</span></div>`;
}

export function Empty({ text, icon = 'info', children }) {
  return html`<div class="empty"><${Icon} name=${icon} size=${28} /><p>${text}</p>${children}</div>`;
}

export function Skeleton({ lines = 3 }) {
  return html`<div class="skeleton" aria-busy="true" aria-label=${t('ui.loading')}>${Array.from({ length: lines }, (_, i) => html`<span key=${i} style=${{ width: `${92 - ((i * 23) % 50)}%` }} />`)}</div>`;
}

/** tabs: [{ key, title, badge }] */
export function Tabs({ tabs, value, onChange, label }) {
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = tabs.findIndex((one) => one.key === value);
    onChange(tabs[(at + step + tabs.length) % tabs.length].key);
    event.currentTarget.querySelectorAll('[role=tab]')[(at + step + tabs.length) % tabs.length].focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${move}>${tabs.map((one) => html`
    <button key=${one.key} type="button" role="tab" aria-selected=${one.key === value} tabindex=${one.key === value ? 0 : -1}
      onClick=${() => onChange(one.key)}>${one.title}${one.badge ? html`<span class="count">${one.badge}</span>` : ''}</button>`)}</div>`;
}

/**
 * A field of a form. kind: an input's type, "select" (options: [{ value, title }]) or "textarea"; error: what is wrong with it
 */
export function Field({ label, value, onChange, kind = 'text', options = [], error, hint, class: extra = '', ...rest }) {
  const id = useId();
  const change = (event) => onChange(kind === 'checkbox' ? event.currentTarget.checked : event.currentTarget.value);
  const shared = { id, 'aria-invalid': error ? 'true' : undefined, 'aria-describedby': error || hint ? `${id}-note` : undefined, ...rest };
  const control = {
    select: () => html`<select ...${shared} value=${value} onChange=${change}>${options.map((one) => html`<option key=${one.value} value=${one.value} selected=${one.value === value}>${one.title}</option>`)}</select>`,
    textarea: () => html`<textarea ...${shared} value=${value} onInput=${change} />`,
    checkbox: () => html`<input type="checkbox" ...${shared} checked=${value} onChange=${change} />`,
  }[kind];
  return html`<div class=${`field ${kind === 'checkbox' ? 'inline' : ''} ${extra}`}><label for=${id}>${label}</label>
    ${control ? control() : html`<input type=${kind} ...${shared} value=${value} onInput=${change} />`}
    ${(error || hint) && html`<small id=${`${id}-note`} class=${error ? 'error' : ''}>${error || hint}</small>`}</div>`;
}
