// Short messages in a corner, and what the switch refuses.
import { html, useEffect, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { Button } from './basic.js';
import { Icon } from './icon.js';

const ICONS = { good: 'check', alarm: 'alert', info: 'info', warn: 'alert' };
let shown = [];
let listener = null;
let count = 0;

/** kind: "good" | "info" | "warn" | "alarm"; detail: a second line; seconds: how long it stays. */
export function toast(text, { kind = 'info', detail = '', seconds = kind === 'alarm' ? 10 : 5 } = {}) {
  const id = ++count;
  shown = [...shown.slice(-3), { id, text, kind, detail }];
  listener?.(shown);
  setTimeout(() => dismiss(id), 1000 * seconds);
}

function dismiss(id) {
  shown = shown.filter((one) => one.id !== id);
  listener?.(shown);
}

/** An order to the switch; what it refuses is shown. Resolves to true where it was carried out. */
export async function attempt(order, done = '') {
  try {
    await order();
  } catch (error) {
    toast(error.message === 'offline' ? t('ui.offline') : error.message, { kind: 'alarm', detail: error.hint });
    return false;
  }
  if (done) toast(done, { kind: 'good' });
  return true;
}

export function Toasts() {
  const [found, set] = useState(shown);
  useEffect(() => {
    listener = set;
    return () => { listener = null; };
  }, []);
  return html`<div class="toasts" role="status" aria-live="polite">${found.map((one) => html`
    <div key=${one.id} class=${`toast state-${one.kind}`}><${Icon} name=${ICONS[one.kind]} />
      <div><strong>${one.text}</strong>${one.detail && html`<p>${one.detail}</p>`}</div>
      <${Button} kind="quiet" small icon="close" label=${t('ui.close')} onClick=${() => dismiss(one.id)} /></div>`)}</div>`;
}
