// Where a call goes: what kind of place, and which. In menus also a branch of the same menu.
import { html, useId, useState } from '../ui/hooks.js';
import { t, tOr } from '../core/i18n.js';

const PLACES = ['queue', 'extension', 'menu', 'group', 'voicemail', 'conference', 'callback', 'play', 'music', 'outside', 'mailbox', 'flow'];
const PLAIN = ['hangup', 'echo'];
const INSIDE = ['back', 'repeat', 'return', 'next'];
const KINDS = { voicemail: 'mailbox', callback: 'queue', conference: 'conference', play: 'clip' };

/** Names that a kind of place may have; null: whatever is typed. */
function namesOf(place, site, branches) {
  if (place === 'branch') return branches.map((name) => ({ name, title: '' }));
  if (place === 'play') return site.clips.map((name) => ({ name, title: '' }));
  if (place === 'extension') return [...(site.names.account || []), ...(site.names.extension || []).filter((one) => !(site.names.account || []).some((two) => two.name === one.name))];
  if (place === 'outside' || place === 'flow') return null;
  return site.names[KINDS[place] || place] || [];
}

export const placeText = (place) => tOr(`admin.place.${place}`, place);

/** A destination in words. */
export function destinationText(value, site) {
  const [place, ...rest] = value.split(':');
  const name = rest.join(':');
  if (!name) return value ? placeText(place) : t('admin.place.none');
  const title = (site.names[KINDS[place] || place] || []).find((one) => one.name === name)?.title;
  return `${placeText(place)}: ${title && place !== 'extension' ? title : name}`;
}

/** branches: names in the menu that this stands in, null elsewhere; onBranch: makes a new one and gives its name; empty: may lead nowhere */
export function Destination({ label, value, onChange, site, branches = site.branches, onBranch = site.onBranch, empty = true, error, hint }) {
  const id = useId();
  const [place, ...rest] = (value || '').split(':');
  const name = rest.join(':');
  const [chosen, choose] = useState(place);
  const kind = value ? place : chosen;
  const names = kind && !PLAIN.includes(kind) && !INSIDE.includes(kind) ? namesOf(kind, site, branches || []) : undefined;
  const turn = (next) => {
    choose(next);
    if (!next || PLAIN.includes(next) || INSIDE.includes(next)) onChange(next);
    else if (next === 'branch' && onBranch && !(branches || []).length) onChange(`branch:${onBranch()}`);
    else {
      const known = namesOf(next, site, branches || []);
      onChange(known?.length ? `${next}:${known[0].name}` : '');
    }
  };
  const pick = (text) => onChange(text === '+' ? `branch:${onBranch()}` : `${kind}:${text}`);
  const options = [...(branches ? ['branch'] : []), ...PLACES, ...PLAIN, ...(branches ? INSIDE : [])];
  return html`<div class="field admin-destination"><label for=${id}>${label}</label><div class="admin-place">
    <select id=${id} value=${kind} aria-invalid=${error ? 'true' : undefined} onChange=${(event) => turn(event.currentTarget.value)}>
      ${(empty || !kind) && html`<option value="">${t('admin.place.none')}</option>`}
      ${options.map((one) => html`<option key=${one} value=${one} selected=${one === kind}>${placeText(one)}</option>`)}</select>
    ${names && html`<select aria-label=${t('admin.which', { place: placeText(kind) })} value=${name} onChange=${(event) => pick(event.currentTarget.value)}>
      ${!names.some((one) => one.name === name) && html`<option value=${name}>${name ? `${name} ?` : t('admin.none_yet')}</option>`}
      ${names.map((one) => html`<option key=${one.name} value=${one.name} selected=${one.name === name}>${one.title && one.title !== one.name ? `${one.title} (${one.name})` : one.name}</option>`)}
      ${kind === 'branch' && onBranch && html`<option value="+">${t('admin.branch.new')}</option>`}</select>`}
    ${names === null && html`<input aria-label=${t('admin.which', { place: placeText(kind) })} value=${name} onInput=${(event) => onChange(`${kind}:${event.currentTarget.value}`)} />`}</div>
    ${(error || hint) && html`<small class=${error ? 'error' : ''}>${error || hint}</small>`}</div>`;
}
