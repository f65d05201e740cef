// Lists that are read page by page, behind the last row that is known; and filters that stand in the address.
import { useCallback, useEffect, useRef, useState } from '../core/html.js';
import { dateTime, t } from '../core/i18n.js';
import { go } from '../core/router.js';
import { toast } from '../ui/index.js';

const DAY = 86_400;

/**
 * load(before, signal) gives { rows, next }; next: what `before` of the following page is, null where there is none.
 * Read anew when `key` changes. Returns { rows (null while the first page comes), more (a function, or null), again, replace }.
 */
export function usePages(load, key) {
  const [state, set] = useState({ rows: null, next: null });
  const turn = useRef(0);
  const read = useCallback(async (before, kept) => {
    const mine = before ? turn.current : ++turn.current;
    try {
      const page = await load(before);
      if (mine === turn.current) set({ rows: [...kept, ...page.rows], next: page.next });
    } catch (error) {
      if (mine !== turn.current) return;
      set({ rows: kept, next: null });
      toast(error.message === 'offline' ? t('ui.offline') : error.message, { kind: 'alarm', detail: error.hint });
    }
  }, [key]);
  useEffect(() => {
    set((old) => ({ ...old, stale: true }));
    read(0, []);
  }, [key]);
  return {
    rows: state.rows,
    stale: Boolean(state.stale),
    more: state.next ? () => read(state.next, state.rows) : null,
    again: () => read(0, []),
    replace: (change) => set((old) => ({ ...old, rows: old.rows && change(old.rows) })),
  };
}

/** Filters that stand in the address, so that they can be kept and handed on. Typing is waited out. */
export function useFilters(address, query) {
  const [typed, set] = useState(query);
  const timer = useRef();
  const shown = JSON.stringify(query);
  useEffect(() => set(JSON.parse(shown)), [shown]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const change = (name, value, wait = 350) => {
    const next = { ...typed, [name]: value };
    set(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => go(address, next, { replace: true }), wait);
  };
  return [typed, change];
}

export const RANGES = ['today', 'yesterday', 'week', 'month', 'all'];

/** Seconds since 1970 between which a time lies; days are those of the browser. `query`: holds since and until of a "span". */
export function rangeOf(name, query = {}) {
  if (name === 'span') return { since: query.since, until: query.until };
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const today = midnight.getTime() / 1000;
  const before = (days) => new Date(midnight.getFullYear(), midnight.getMonth(), midnight.getDate() - days).getTime() / 1000;
  return { today: { since: today }, yesterday: { since: before(1), until: today }, week: { since: before(6) }, month: { since: before(29) } }[name] || {};
}

export function rangeOptions(query = {}) {
  const named = RANGES.map((name) => ({ value: name === 'all' ? '' : name, title: t(`records.range.${name}`) }));
  if (query.range !== 'span') return named;
  const [since, until] = [query.since, query.until].map((at) => dateTime(1000 * at));
  return [...named, { value: 'span', title: `${since} – ${until}` }];
}
export { DAY };
