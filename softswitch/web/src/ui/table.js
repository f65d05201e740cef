// A table that can be sorted; on a narrow screen each row is a card, its cells with the headings beside them. Of a long one
// only what is near the eye is in the page (window.js), and a row is drawn again only when it, or the columns, have changed.
import { html, useMemo, useRef, useState } from '../core/html.js';
import { locale, t } from '../core/i18n.js';
import { Empty } from './basic.js';
import { Icon } from './icon.js';
import { useWindow } from './window.js';

/**
 * columns: [{ key, title, cell(row), sort(row), align: 'end', hide: 'narrow' }]; sort: what the column is sorted by, if it may be
 *   The same columns with the same row must give the same cells: where they come from `useMemo`, rows are drawn only when they change.
 * rows; keyOf(row); order: { by: key, down: true } to begin with; onRow(row): what a click on a row does; empty: text
 */
export function Table({ columns, rows, keyOf, order, onRow, empty, caption }) {
  const [sorting, sort] = useState(order || null);
  const column = sorting && columns.find((one) => one.key === sorting.by);
  const sorted = useMemo(() => (column?.sort ? sortedBy(rows, column.sort, sorting.down) : rows), [rows, sorting, column?.key]);
  const focusKey = useRef(null);
  const held = focusKey.current === null ? -1 : sorted.findIndex((row) => String(keyOf(row)) === focusKey.current);
  const { body, parts, windowed } = useWindow(sorted.length, held);
  const drawn = useMemo(() => new WeakMap(), [columns, onRow]);
  if (!rows.length) return html`<${Empty} text=${empty || t('ui.nothing')} />`;
  const turn = (one) => sort({ by: one.key, down: sorting?.by === one.key ? !sorting.down : Boolean(one.down) });
  const line = (index) => {
    const row = sorted[index];
    const place = windowed ? index + 2 : undefined;
    const known = drawn.get(row);
    if (known && known.place === place) return known.node;
    const node = html`
      <tr key=${keyOf(row)} data-key=${keyOf(row)} aria-rowindex=${place} class=${onRow ? 'clickable' : ''} tabindex=${onRow ? 0 : undefined}
        onClick=${onRow && (() => onRow(row))}
        onKeyDown=${onRow && ((event) => event.key === 'Enter' && event.target === event.currentTarget && onRow(row))}>
        ${columns.map((one) => html`<td key=${one.key} class=${cell(one)} data-label=${one.title}>${one.cell ? one.cell(row) : row[one.key]}</td>`)}
      </tr>`;
    drawn.set(row, { place, node });
    return node;
  };
  // The row with the focus stays in the page, however far away it is scrolled.
  const focused = (event) => { focusKey.current = event.target.closest('tr')?.dataset.key ?? null; };
  const left = (event) => { if (!event.currentTarget.contains(event.relatedTarget)) focusKey.current = null; };
  return html`<div class="table-frame"><table class="table" aria-rowcount=${windowed ? sorted.length + 1 : undefined}>
    ${caption && html`<caption class="visually-hidden">${caption}</caption>`}
    <thead><tr aria-rowindex=${windowed ? 1 : undefined}>${columns.map((one) => html`
      <th key=${one.key} scope="col" class=${cell(one)} aria-sort=${sorting?.by === one.key ? (sorting.down ? 'descending' : 'ascending') : undefined}>
        ${one.sort
          ? html`<button type="button" class="sorter" onClick=${() => turn(one)}>${one.title}
              ${sorting?.by === one.key && html`<${Icon} name=${sorting.down ? 'down' : 'up'} size=${14} />`}</button>`
          : one.title}
      </th>`)}</tr></thead>
    <tbody ref=${body} onFocusIn=${focused} onFocusOut=${left}>${parts.map((one, i) => (one.gap
      ? html`<tr key=${`gap ${i}`} data-gap=${one.gap} class="gap" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${one.height}px` }}></td></tr>`
      : line(one.row)))}</tbody>
  </table></div>`;
}

const cell = (one) => `${one.align === 'end' ? 'end' : ''} ${one.hide === 'narrow' ? 'hide-narrow' : ''}`;

/** `value` is asked once for each row: a list is sorted again whenever one of its rows changes. */
function sortedBy(rows, value, down) {
  const collator = new Intl.Collator(locale(), { numeric: true });
  const sign = down ? -1 : 1;
  const compare = ([x], [y]) => {
    if (x == null || y == null) return x == null ? (y == null ? 0 : 1) : -1; // what is not known stands last
    return sign * (typeof x === 'number' && typeof y === 'number' ? x - y : collator.compare(x, y));
  };
  return rows.map((row) => [value(row), row]).sort(compare).map(([, row]) => row);
}
