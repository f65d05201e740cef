// Light, dark, or as the system has it.
import { useState } from 'preact/hooks';

export const THEMES = ['system', 'light', 'dark'];
const listeners = new Set();
const dark = matchMedia('(prefers-color-scheme: dark)');

function apply(name) {
  if (name === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  for (const listener of listeners) listener();
}

const stored = () => (THEMES.includes(localStorage.getItem('theme')) ? localStorage.getItem('theme') : 'system');

apply(stored());
dark.addEventListener('change', () => apply(stored()));

/** What is drawn on a canvas must be drawn again. Returns how to stop listening. */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useTheme() {
  const [name, set] = useState(stored);
  return [name, (next) => {
    localStorage.setItem('theme', next);
    set(next);
    apply(next);
  }];
}

/** The value of a colour of ours, such as colour('--accent'). */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
