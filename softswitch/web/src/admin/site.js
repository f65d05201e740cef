// What the site is made of: the schema, the names of what there is, and changes of it.
import { api, path } from '../core/api.js';
import { useEffect, useState } from '../core/html.js';
import { locale, tOr } from '../core/i18n.js';

/** Kinds in the order in which people need them, by what they are about. */
export const GROUPS = {
  people: ['queue', 'agent', 'account', 'user'],
  calls: ['menu', 'extension', 'hours', 'number', 'group', 'conference', 'mailbox', 'parking', 'outage', 'notice'],
  outside: ['trunk', 'route', 'policy', 'list', 'screening'],
  work: ['pause', 'disposition', 'script', 'campaign', 'report', 'alert'],
  programs: ['crm', 'webhook', 'router', 'token'],
  more: ['site', 'music', 'feature_code'],
};
export const SETTINGS = 'settings';
export const NEW = '+';

let schema = null;

export function loadSchema() {
  schema ||= api.get('/api/schema').catch((error) => {
    schema = null;
    throw error;
  });
  return schema;
}

/** { schema, names, clips, version, error, reload }; schema is null until it is there. */
export function useSite() {
  const [found, set] = useState({ schema: null, names: {}, clips: [], version: 0, error: null });
  const reload = async () => {
    try {
      const [made, known] = await Promise.all([loadSchema(), api.get('/api/names')]);
      set({ schema: made, names: known.names, clips: known.clips, version: known.version, error: null });
    } catch (error) {
      set((before) => ({ ...before, error }));
    }
  };
  useEffect(() => { reload(); }, []);
  return { ...found, reload };
}

export const loadObject = (kind, name) => api.get(path('/api/site/{kind}/{name}', { kind, name }));

/** Put and remove together. Raises ApiError, with `fields` where a value is wrong. */
export const change = (pieces, { version = 0, dryRun = false } = {}) =>
  api.patch(path('/api/site', {}, dryRun ? { dry_run: true } : {}), { version, ...pieces });

/** Mistakes of a refused change by their key in site.toml, such as "queue.sales.members[0].agent". */
export const mistakes = (error) =>
  (error.body?.fields || []).map((one) => ({ key: one.key, text: one.error.replace(/^site: /, ''), expected: one.expected }));

export const kindText = (kind, count = 1) => tOr(`admin.kind.${kind}.${count === 1 ? 'one' : 'many'}`, kind.replace(/_/g, ' '));

export function fieldText(name) {
  const words = name.replace(/_/g, ' ');
  return tOr(`admin.field.${name}`, words[0].toUpperCase() + words.slice(1));
}

/** What may be chosen, in words. */
export const choiceText = (value) => (value === '' ? '–' : tOr(`admin.choice.${value}`, value));

/** Help comes from the switch, in the languages of the pages. */
export function helpText(field) {
  // The choices stand in the control itself, in words of its own; what is empty is called so.
  if (field.choices && /^"[^"]*"/.test(field.help)) return '';
  if (locale() === 'pl') return field.help_pl ? field.help_pl[0].toUpperCase() + field.help_pl.slice(1) : '';
  const said = field.help.replace(/"" = /g, 'empty = ').replace(/\(\) = /g, 'none = ');
  return said && said[0].toUpperCase() + said.slice(1);
}

export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
