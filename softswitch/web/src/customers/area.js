// Customers: the list, a card with its history, the import; and the script of a call.
import { html } from '../core/html.js';
import { area, fill } from '../core/registry.js';
import en from './en.json';
import pl from './pl.json';
import { Script } from './script.js';
import './customers.css';

const LOOKING = ['supervisor', 'auditor'];

area({
  name: 'customers',
  texts: { pl, en },
  routes: [
    { path: '/customers', roles: LOOKING, load: () => import('./page.js'), nav: { text: 'customers.nav', icon: 'users', order: 30 } },
    { path: '/customers/import', roles: [], load: () => import('./import.js') },
    { path: '/customers/{customer}', roles: LOOKING, load: () => import('./card.js') },
  ],
});

fill('panel.customer', ({ call }) => call.id && html`<${Script} call=${call.id} />`);
