// A little Markdown as elements: paragraphs, headings, lists, bold, italic, links. Whatever else is text; there is no HTML in it.
import { html } from '../core/html.js';

const INLINE = /\*\*(.+?)\*\*|\*(.+?)\*|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/;

function inline(text) {
  const found = INLINE.exec(text);
  if (!found) return text;
  const [whole, bold, italic, name, address] = found;
  const part = bold !== undefined ? html`<strong>${inline(bold)}</strong>`
    : italic !== undefined ? html`<em>${inline(italic)}</em>`
      : html`<a href=${address} target="_blank" rel="noopener noreferrer">${name}</a>`;
  return [text.slice(0, found.index), part, inline(text.slice(found.index + whole.length))];
}

export function Markdown({ text }) {
  const blocks = [];
  for (const line of text.split('\n')) {
    const list = /^\s*(?:[-*]|(\d+)\.)\s+(.*)$/.exec(line);
    const heading = /^#{1,4}\s+(.*)$/.exec(line);
    const last = blocks.at(-1);
    if (list) {
      const kind = list[1] ? 'ol' : 'ul';
      if (last?.kind === kind) last.lines.push(list[2]);
      else blocks.push({ kind, lines: [list[2]] });
    } else if (heading) blocks.push({ kind: 'h', lines: [heading[1]] });
    else if (!line.trim()) blocks.push({ kind: '', lines: [] });
    else if (last?.kind === 'p') last.lines.push(line);
    else blocks.push({ kind: 'p', lines: [line] });
  }
  return html`<div class="customers-markdown">${blocks.filter((one) => one.kind).map((one, i) => {
    const items = one.lines.map((line, j) => html`<li key=${j}>${inline(line)}</li>`);
    if (one.kind === 'ul') return html`<ul key=${i}>${items}</ul>`;
    if (one.kind === 'ol') return html`<ol key=${i}>${items}</ol>`;
    return one.kind === 'h' ? html`<h4 key=${i}>${inline(one.lines[0])}</h4>` : html`<p key=${i}>${inline(one.lines.join(' '))}</p>`;
  })}</div>`;
}
