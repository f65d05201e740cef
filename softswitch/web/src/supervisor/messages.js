// What a supervisor has written to an agent: on every page of theirs until they have read it, also after it was loaded anew.
import { html, useState } from '../core/html.js';
import { t, time } from '../core/i18n.js';
import { useEvent } from '../core/live.js';
import { Button, Icon } from '../ui/index.js';

const UNREAD = 'supervisor-messages';
const MOST = 5;

function unread(who) {
  try {
    return JSON.parse(localStorage.getItem(UNREAD) || '[]').filter((one) => one.agent === who.agent);
  } catch {
    return [];
  }
}

export function Messages({ who }) {
  const [found, set] = useState(() => unread(who));
  const keep = (messages) => {
    localStorage.setItem(UNREAD, JSON.stringify(messages));
    set(messages);
  };
  useEvent('agent.message', (event) => {
    if (event.agent !== who.agent || unread(who).some((one) => one.seq === event.seq)) return;
    const { seq, agent, text, sender, actor } = event;
    keep([...unread(who), { seq, agent, text, from: sender || actor, at: Date.parse(event.time) }].slice(-MOST));
  });
  if (!who.agent || !found.length) return null;
  return html`<div class="supervisor-messages" role="log" aria-label=${t('supervisor.messages')}>${found.map((one) => html`
    <div key=${one.seq} class="state-info" role="alert"><${Icon} name="megaphone" />
      <p class="grow">${one.text}<small>${one.from} · ${time(one.at)}</small></p>
      <${Button} small icon="check" onClick=${() => keep(unread(who).filter((other) => other.seq !== one.seq))}>${t('supervisor.read')}<//></div>`)}</div>`;
}
