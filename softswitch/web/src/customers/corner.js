// Beside whatever page an agent is on: the script of their call, in a drawer that leaves the rest of the page usable.
import { html, render, useEffect, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { Button } from '../ui/index.js';
import { Script } from './script.js';

/** The call that an agent talks in, or has just talked in and still writes about. */
const callOf = (one) => (['talking', 'holding'].includes(one?.activity) && one.caller) || (one?.activity === 'wrapup' && one.handled) || '';

export function ScriptCorner({ who }) {
  const call = useLive('agents', (rows) => callOf(rows.find((one) => one.agent === who.agent))) || '';
  const [known, set] = useState('');
  const [open, turn] = useState(false);
  useEffect(() => {
    set('');
    if (!call) return undefined;
    const stopped = new AbortController();
    api.get(path('/api/calls/{call}/script', { call }), { signal: stopped.signal }).then((found) => found.script && set(call), () => {});
    return () => stopped.abort();
  }, [call]);
  const shown = Boolean(call) && known === call;
  // At the end of the document: what stands fixed inside the frame's head would stay inside it.
  useEffect(() => {
    if (!shown || !open) return undefined;
    const place = document.body.appendChild(document.createElement('div'));
    render(html`<${Drawer} call=${call} onClose=${() => turn(false)} />`, place);
    return () => {
      render(null, place);
      place.remove();
    };
  }, [shown, open, call]);
  if (!shown) return null;
  return html`<${Button} small icon="archive" aria-expanded=${open} onClick=${() => turn(!open)}>${t('customers.script')}<//>`;
}

function Drawer({ call, onClose }) {
  return html`<aside class="customers-drawer" aria-label=${t('customers.script')}><${Button} small kind="quiet" icon="close" label=${t('customers.close')} onClick=${onClose} />
    <${Script} call=${call} /></aside>`;
}
