// Areas of the pages: each folder with an area.js adds its texts, pages and places in the navigation here.
import { addTexts } from './i18n.js';

const routes = [];
const corners = [];

/**
 * An area.
 * name: begins the keys of its texts, and the names of its classes
 * texts: { pl, en }
 * routes: [{ path: '/reports/{report}', roles: [...], load: () => import('./page.js'), nav: { text, icon, order } }]
 *   when(who): whether it is for this person of these roles, such as for agents only
 *   path: of the address behind '#'; {name} is handed to the page as a property
 *   roles: who sees it; administrators always do, unless `only` is set
 *   load: a module whose default is the component
 *   nav: of its entry in the navigation, if it has one; text: a key; icon: see ui/icon.js; order: a number
 * corners: [{ roles, component }] what stands at the top of every page, such as the agent's state
 */
export function area({ name, texts = {}, routes: added = [], corners: further = [] }) {
  addTexts(name, texts);
  for (const route of added) {
    const names = [];
    const pattern = route.path.replace(/[.*+?^$|()[\]\\]/g, '\\$&').replace(/\{(\w+)\}/g, (_, key) => {
      names.push(key);
      return '([^/]+)';
    });
    routes.push({ ...route, area: name, names, pattern: new RegExp(`^${pattern}$`) });
  }
  corners.push(...further);
}

const isFor = (who, one) =>
  (one.roles.includes(who.role) || (who.role === 'administrator' && !one.only)) && (!one.when || one.when(who));

export const routesFor = (who) => routes.filter((route) => isFor(who, route));
export const cornersFor = (who) => corners.filter((corner) => isFor(who, corner));

export const navigationFor = (who) =>
  routesFor(who)
    .filter((route) => route.nav)
    .sort((a, b) => a.nav.order - b.nav.order);

/** The route of an address, with the values of its names; null: there is none for this person. */
export function match(who, address) {
  for (const route of routesFor(who)) {
    const found = route.pattern.exec(address);
    if (found) {
      try {
        return { route, values: Object.fromEntries(route.names.map((name, i) => [name, decodeURIComponent(found[i + 1])])) };
      } catch {
        return null;
      }
    }
  }
  return null;
}

const slots = new Map();

/** A part of somebody else's page: `area` of customers fills 'panel.customer' with a component that gets { call }. */
export function fill(slot, component) {
  slots.set(slot, [...(slots.get(slot) || []), component]);
}

export const filled = (slot) => slots.get(slot) || [];
