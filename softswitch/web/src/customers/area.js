// Customers: the list, a card with its history, the import; and the script of a call.
import { area } from '../core/registry.js';
import { ScriptCorner } from './corner.js';
import en from './en.json';
import pl from './pl.json';
import './customers.css';

const LOOKING = ['supervisor', 'auditor'];

area({
  name: 'customers',
  texts: { pl, en },
  corners: [{ roles: ['agent'], only: true, component: ScriptCorner }],
  routes: [
    { path: '/customers', roles: LOOKING, load: () => import('./page.js'), nav: { text: 'customers.nav', icon: 'users', order: 30 } },
    { path: '/customers/import', roles: [], load: () => import('./import.js') },
    { path: '/customers/{customer}', roles: LOOKING, load: () => import('./card.js') },
  ],
});
