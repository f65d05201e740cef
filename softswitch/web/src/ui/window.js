// Long lists: only the rows that are near what is seen are in the page. The others are counted, found and reached all the same.
import { useEffect, useLayoutEffect, useRef, useState } from './hooks.js';

export const LONG = 60; // rows from which on a list is windowed
const AROUND = 12; // rows above and below what is seen
const STEP = 6; // rows by which the window moves
const HEIGHT = 48; // px of a row, until one was measured

/**
 * Which of `count` rows of a table body are drawn: [{ row: index }, { gap: rows, height: px }, ...] from above, and a ref for the body.
 * held: the index of a row that stays in any case, such as the one with the focus; -1 for none
 * Who searches the page by the browser's own means, or prints it, gets all rows.
 */
export function useWindow(count, held = -1) {
  const body = useRef();
  const height = useRef(HEIGHT);
  const [range, setRange] = useState([0, 3 * AROUND]);
  const [whole, setWhole] = useState(false);
  const windowed = count > LONG && !whole;
  const latest = useRef();
  latest.current = () => {
    const element = body.current;
    if (!windowed || !element) return;
    const { top, height: all } = element.getBoundingClientRect();
    const drawn = [...element.children].filter((one) => !one.dataset.gap);
    const gaps = [...element.children].reduce((sum, one) => sum + (one.dataset.gap ? one.offsetHeight : 0), 0);
    if (drawn.length) height.current = Math.max(1, (all - gaps) / drawn.length);
    const first = Math.floor((-top / height.current - AROUND) / STEP) * STEP;
    const last = Math.ceil(((innerHeight - top) / height.current + AROUND) / STEP) * STEP;
    const next = [Math.min(Math.max(0, first), Math.max(0, count - STEP)), Math.max(STEP, Math.min(count, last))];
    setRange((now) => (now[0] === next[0] && now[1] === next[1] ? now : next));
  };
  useLayoutEffect(() => latest.current(), [count, windowed]);
  useEffect(() => {
    if (!windowed) return undefined;
    let frame = 0;
    const moved = () => { frame ||= requestAnimationFrame(() => { frame = 0; latest.current(); }); };
    const sought = (event) => (event.key === 'F3' || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'f')) && setWhole(true);
    const printed = () => setWhole(true);
    addEventListener('scroll', moved, { capture: true, passive: true });
    addEventListener('resize', moved);
    addEventListener('keydown', sought);
    addEventListener('beforeprint', printed);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', moved, { capture: true });
      removeEventListener('resize', moved);
      removeEventListener('keydown', sought);
      removeEventListener('beforeprint', printed);
    };
  }, [windowed]);
  const parts = windowed ? partsOf(count, range, [held], height.current) : Array.from({ length: count }, (_, row) => ({ row }));
  return { body, parts, windowed };
}

/** The rows of a window and those kept outside of it, with gaps between. */
export function partsOf(count, [first, last], kept, height) {
  const rows = new Set(kept.filter((row) => row >= 0 && row < count));
  for (let row = first; row < Math.min(last, count); row += 1) rows.add(row);
  const parts = [];
  let next = 0;
  const gap = (until) => until > next && parts.push({ gap: until - next, height: Math.round((until - next) * height) });
  for (const row of [...rows].sort((a, b) => a - b)) {
    gap(row);
    parts.push({ row });
    next = row + 1;
  }
  gap(count);
  return parts;
}
