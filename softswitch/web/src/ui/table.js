// A table that can be sorted; on a narrow screen each row is a card, its cells with the headings beside them.
import { html, useMemo, useState } from '../core/html.js';
import { locale, t } from '../core/i18n.js';
import { Empty } from './basic.js';
import { Icon } from './icon.js';

/**
 * columns: [{ key, title, cell(row), sort(row), align: 'end', hide: 'narrow' }]; sort: what the column is sorted by, if it may be
 * rows; keyOf(row); order: { by: key, down: true } to begin with; onRow(row): what a click on a row does; empty: text
 */
export function Table({ columns, rows, keyOf, order, onRow, empty, caption }) {
  const [sorting, sort] = useState(order || null);
  const column = sorting && columns.find((one) => one.key === sorting.by);
  const sorted = useMemo(() => (column?.sort ? [...rows].sort(comparing(column.sort, sorting.down)) : rows), [rows, sorting, column?.key]);
  if (!rows.length) return html`<${Empty} text=${empty || t('ui.nothing')} />`;
  const turn = (one) => sort({ by: one.key, down: sorting?.by === one.key ? !sorting.down : Boolean(one.down) });
  return html`<div class="table-frame"><table class="table">
    ${caption && html`<caption class="visually-hidden">${caption}</caption>`}
    <thead><tr>${columns.map((one) => html`
      <th key=${one.key} scope="col" class=${cell(one)} aria-sort=${sorting?.by === one.key ? (sorting.down ? 'descending' : 'ascending') : undefined}>
        ${one.sort
          ? html`<button type="button" class="sorter" onClick=${() => turn(one)}>${one.title}
              ${sorting?.by === one.key && html`<${Icon} name=${sorting.down ? 'down' : 'up'} size=${14} />`}</button>`
          : one.title}
      </th>`)}</tr></thead>
    <tbody>${sorted.map((row) => html`
      <tr key=${keyOf(row)} class=${onRow ? 'clickable' : ''} tabindex=${onRow ? 0 : undefined}
        onClick=${onRow && (() => onRow(row))}
        onKeyDown=${onRow && ((event) => event.key === 'Enter' && event.target === event.currentTarget && onRow(row))}>
        ${columns.map((one) => html`<td key=${one.key} class=${cell(one)} data-label=${one.title}>${one.cell ? one.cell(row) : row[one.key]}</td>`)}
      </tr>`)}</tbody>
  </table></div>`;
}

const cell = (one) => `${one.align === 'end' ? 'end' : ''} ${one.hide === 'narrow' ? 'hide-narrow' : ''}`;

function comparing(value, down) {
  const collator = new Intl.Collator(locale(), { numeric: true });
  const sign = down ? -1 : 1;
  return (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x == null || y == null) return x == null ? (y == null ? 0 : 1) : -1; // what is not known stands last
    return sign * (typeof x === 'number' && typeof y === 'number' ? x - y : collator.compare(String(x), String(y)));
  };
}
