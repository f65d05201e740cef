// Texts: a flat catalogue for each area and language, "area.key" or "area.key.few" where the form depends on a number.
import { useEffect, useState } from 'preact/hooks';

export const LANGUAGES = { pl: 'Polski', en: 'English' };
const catalogues = { pl: new Map(), en: new Map() };
const listeners = new Set();
const stored = localStorage.getItem('language');
let language = stored in catalogues ? stored : (navigator.language || '').startsWith('pl') ? 'pl' : 'en';
let plurals = new Intl.PluralRules(language);
document.documentElement.lang = language;

export function addTexts(area, texts) {
  for (const [name, catalogue] of Object.entries(texts)) {
    for (const [key, text] of Object.entries(catalogue)) catalogues[name].set(`${area}.${key}`, text);
  }
}

/** The text of a key; `{name}` in it is replaced by a value; `count` chooses among key.one, .few, .many, .other. */
export function t(key, values = {}) {
  const found = catalogues[language];
  const text = ('count' in values && found.get(`${key}.${plurals.select(values.count)}`)) || found.get(key);
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The text of a key, or something else where there is none: for names that the switch may add to. */
export function tOr(key, otherwise) {
  return catalogues[language].get(key) ?? otherwise;
}

export const locale = () => language;

export function setLanguage(name, { keep = true } = {}) {
  if (!(name in catalogues)) return;
  if (keep) localStorage.setItem('language', name);
  if (name === language) return;
  language = name;
  plurals = new Intl.PluralRules(name);
  document.documentElement.lang = name;
  for (const listener of listeners) listener();
}

/** What the user has chosen in this browser counts more than what the site says of them. */
export const hasChosenLanguage = () => localStorage.getItem('language') in catalogues;

export function useLanguage() {
  const [, again] = useState(0);
  useEffect(() => {
    const listener = () => again((count) => count + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return language;
}

// --- figures and times as people write them

export const number = (value, digits = 0) =>
  value == null ? '–' : new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);

export const percent = (value, digits = 0) =>
  value == null ? '–' : new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: digits }).format(value);

/** Seconds as 0:07, 12:40, 1:02:03. */
export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return '–';
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value) => String(value).padStart(2, '0');
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A moment: milliseconds, a Date, Unix seconds as the API gives them are `1000 * seconds`. */
export const time = (moment) =>
  new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' }).format(moment);

export const dateTime = (moment) =>
  new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(moment);

export const date = (moment) => new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(moment);
