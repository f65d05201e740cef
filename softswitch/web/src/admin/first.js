// The first steps: what a site needs until somebody who calls is answered, and what is there already.
import { api } from '../core/api.js';
import { html, useEffect, useRef, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { useEvent } from '../core/live.js';
import { link } from '../core/router.js';
import { Button, Card, Icon } from '../ui/index.js';

const KEPT = 'first-steps'; // in this browser: "over" when all was done, or nobody wants to see it
const PAUSE = 2_000; // ms: on a busy switch much happens that this card need not follow
const over = () => localStorage.getItem(KEPT) === 'over';

/** What is done of each step; null until it is known. Once all is done, nobody is asked any more. */
function useSteps(who) {
  const [found, set] = useState(null);
  const life = useRef({ here: true, timer: 0, done: false });
  const load = async () => {
    life.current.timer = 0;
    if (who.role !== 'administrator' || over()) return;
    try {
      const [{ names }, { objects: queues }, phones, records] = await Promise.all([
        api.get('/api/names'), api.get('/api/site/queue'), api.get('/api/registrations'), api.get('/api/records?limit=20'),
      ]);
      const known = doneOf(names, queues, phones, records);
      life.current.done = known.steps.every((one) => one.done || one.free);
      if (life.current.here) set(known);
    } catch { /* The page itself says that the switch does not answer. */ }
  };
  const again = () => {
    if (!life.current.timer && !life.current.done) life.current.timer = setTimeout(load, PAUSE);
  };
  for (const beginning of ['config.', 'registration.', 'call.ended']) useEvent(beginning, again);
  useEffect(() => {
    load();
    return () => { life.current.here = false; clearTimeout(life.current.timer); };
  }, []);
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
