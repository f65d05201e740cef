// Why agents take no calls: the list of the site, for menus and for whatever shows a reason.
import { api } from '../core/api.js';
import { useEffect, useState } from '../core/html.js';
import { locale, tOr } from '../core/i18n.js';
import { currentUser, watchSession } from '../core/session.js';

const OLD = 20_000; // ms after which whoever opens a menu asks again
let known = [];
let asked = 0;
const watchers = new Set();

async function load() {
  if (!currentUser() || Date.now() - asked < OLD) return;
  asked = Date.now();
  const found = await api.get('/api/pauses').catch(() => null);
  if (!found || JSON.stringify(found) === JSON.stringify(known)) return;
  known = found;
  for (const watcher of watchers) watcher();
}

watchSession(() => { asked = 0; load(); });

/** The reasons of the site, [{ pause, title, key, longest, offered }]; asked for again where they are shown to be chosen from. */
export function useReasons() {
  const [, again] = useState(0);
  useEffect(() => {
    const watcher = () => again((count) => count + 1);
    watchers.add(watcher);
    load();
    return () => watchers.delete(watcher);
  }, []);
  return known;
}

const row = (name) => known.find((one) => one.pause === name);

/** A reason as people read it; those that the switch itself gives have texts here. */
export function reasonText(name) {
  const title = row(name)?.title;
  return title ? title[locale()] || title[''] || Object.values(title)[0] : tOr(`ui.reason.${name}`, name);
}

/** Seconds that it may last; Infinity where nothing is said. */
export const longestOf = (name) => row(name)?.longest || Infinity;
