// Administration: what the site is made of, as forms and as blocks.
import { area } from '../core/registry.js';
import en from './en.json';
import pl from './pl.json';
import './admin.css';

const roles = ['auditor'];

area({
  name: 'admin',
  texts: { pl, en },
  routes: [
    { path: '/admin', roles, load: () => import('./overview.js'), nav: { text: 'admin.nav', icon: 'settings', order: 60 } },
    { path: '/admin/prompts', roles, load: () => import('./prompts.js'), nav: { text: 'admin.prompts', icon: 'volume', order: 62 } },
    { path: '/admin/versions', roles, load: () => import('./versions.js'), nav: { text: 'admin.versions', icon: 'archive', order: 63 } },
    { path: '/admin/bans', roles, load: () => import('./bans.js'), nav: { text: 'admin.bans', icon: 'shield', order: 64 } },
    { path: '/admin/menu', roles, load: () => import('./flows.js'), nav: { text: 'admin.flows', icon: 'transfer', order: 61 } },
    { path: '/admin/menu/{name}', roles, load: () => import('./flow.js') },
    { path: '/admin/{kind}', roles, load: () => import('./list.js') },
    { path: '/admin/{kind}/{name}', roles, load: () => import('./object.js') },
  ],
});
