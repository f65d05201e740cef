// The first steps: what a site needs until somebody who calls is answered, and what is there already.
import { api } from '../core/api.js';
import { html, useEffect, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { useEvent } from '../core/live.js';
import { link } from '../core/router.js';
import { Button, Card, Icon } from '../ui/index.js';

const KEPT = 'first-steps'; // in this browser: "over" when all was done, or nobody wants to see it
const SOON = 400; // ms: several events come together
const over = () => localStorage.getItem(KEPT) === 'over';

/** What is done of each step; null until it is known. */
function useSteps(who) {
  const [found, set] = useState(null);
  const [due, ask] = useState(0);
  const again = () => ask((count) => count + 1);
  useEvent('config.', again);
  useEvent('registration.', again);
  useEvent('call.ended', again);
  useEffect(() => {
    if (who.role !== 'administrator' || over()) return undefined;
    let here = true;
    const timer = setTimeout(async () => {
      try {
        const [{ names }, { objects: queues }, phones, records] = await Promise.all([
          api.get('/api/names'), api.get('/api/site/queue'), api.get('/api/registrations'), api.get('/api/records?limit=20'),
        ]);
        if (here) set(doneOf(names, queues, phones, records));
      } catch { /* The page itself says that the switch does not answer. */ }
    }, due ? SOON : 0);
    return () => { here = false; clearTimeout(timer); };
  }, [due]);
  return found;
}

function doneOf(names, queues, phones, records) {
  const numbers = (names.extension || []).filter((one) => one.title.startsWith('menu:')).map((one) => one.name);
  return {
    number: numbers[0] || '',
    steps: [
      { key: 'queue', done: queues.length > 0, to: '/admin/queue/+' },
      { key: 'people', done: queues.some((one) => (one.body.members || []).length > 0), to: '/admin/people/+' },
      { key: 'hours', done: (names.hours || []).length > 0, to: '/admin/hours/+' },
      { key: 'flow', done: numbers.length > 0 || (names.trunk || []).length > 0 && names.menu.length > 0, to: '/admin/menu/+' },
      { key: 'phone', done: phones.length > 0, to: '/admin/people' },
      { key: 'call', done: records.calls.some((one) => one.queue), to: '/calls' },
      { key: 'trunk', done: (names.trunk || []).length > 0, to: '/admin/trunk/+', free: true },
    ],
  };
}

export function FirstSteps({ who }) {
  const found = useSteps(who);
  const [hidden, hide] = useState(over);
  if (!found || hidden) return null;
  const wanted = found.steps.filter((one) => !one.free);
  const open = wanted.filter((one) => !one.done);
  const next = open[0]?.key;
  const end = () => { localStorage.setItem(KEPT, 'over'); hide(true); };
  return html`<${Card} class="admin-first" aria-label=${t('admin.first')}><div class="admin-first-head"><div class="grow"><h2>${t(open.length ? 'admin.first' : 'admin.first.done')}</h2>
      <p class="soft">${t(open.length ? 'admin.first.what' : 'admin.first.done.what')}</p></div>
      <span class="soft">${t('admin.first.count', { done: wanted.length - open.length, all: wanted.length })}</span>
      <${Button} small kind="quiet" icon="close" label=${t('admin.first.hide')} onClick=${end} /></div>
    <ol>${found.steps.map((one, at) => html`<li key=${one.key} class=${one.done ? 'state-good done' : one.key === next ? 'state-info next' : 'state-off'} aria-current=${one.key === next ? 'step' : undefined}>
      <span class="admin-first-mark" aria-hidden="true">${one.done ? html`<${Icon} name="check" size=${16} />` : at + 1}</span>
      <div><a href=${link(one.to)}>${t(`admin.first.${one.key}`)}</a>${one.done && html`<span class="visually-hidden">${t('admin.first.is_done')}</span>`}
        <small class="soft">${t(`admin.first.${one.key}.what`, { number: found.number || '800' })}</small></div></li>`)}</ol><//>`;
}
