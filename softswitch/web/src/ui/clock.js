// Times that run: one timer for all of them, and each writes its own text without a drawing of its component.
import { html, useLayoutEffect, useRef } from '../core/html.js';
import { duration } from '../core/i18n.js';

const running = new Set();
let timer = 0;

function tick() {
  for (const write of running) write();
  timer = running.size ? setTimeout(tick, 1000 - (Date.now() % 1000) + 5) : 0;
}

/**
 * Counts up from `since`, or down to `until` (ms of Date.now(), as the live store has them).
 * warn, alarm: seconds from which on it is coloured
 */
export function Clock({ since, until, warn = Infinity, alarm = Infinity, ...rest }) {
  const element = useRef();
  useLayoutEffect(() => {
    const write = () => {
      const seconds = until == null ? (Date.now() - since) / 1000 : Math.max(0, Math.ceil((until - Date.now()) / 1000));
      const text = duration(seconds);
      if (element.current.textContent !== text) element.current.textContent = text;
      const level = seconds >= alarm ? 'alarm' : seconds >= warn ? 'warn' : '';
      if (element.current.dataset.level !== level) element.current.dataset.level = level;
    };
    write();
    running.add(write);
    if (!timer) tick();
    return () => running.delete(write);
  }, [since, until, warn, alarm]);
  return html`<time class="clock" ref=${element} role="timer" ...${rest}></time>`;
}
