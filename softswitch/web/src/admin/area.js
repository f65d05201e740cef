// Administration: what the site is made of, as forms and as blocks.
import { area, fill } from '../core/registry.js';
import en from './en.json';
import { FirstSteps } from './first.js';
import pl from './pl.json';
import moreEn from './terms/en.json';
import morePl from './terms/pl.json';
import './admin.css';

const roles = ['auditor'];

area({
  name: 'admin',
  texts: { pl: { ...morePl, ...pl }, en: { ...moreEn, ...en } },
  routes: [
    { path: '/admin', roles, load: () => import('./overview.js'), nav: { text: 'admin.nav', icon: 'settings', order: 60 } },
    { path: '/admin/people', roles, load: () => import('./people.js'), nav: { text: 'admin.people', icon: 'users', order: 60.5 } },
    { path: '/admin/people/{name}', roles, load: () => import('./person.js') },
    { path: '/admin/prompts', roles, load: () => import('./prompts.js'), nav: { text: 'admin.prompts', icon: 'volume', order: 62 } },
    { path: '/admin/versions', roles, load: () => import('./versions.js'), nav: { text: 'admin.versions', icon: 'archive', order: 63 } },
    { path: '/admin/bans', roles, load: () => import('./bans.js'), nav: { text: 'admin.bans', icon: 'shield', order: 64 } },
    { path: '/admin/menu', roles, load: () => import('./flows.js'), nav: { text: 'admin.flows', icon: 'transfer', order: 61 } },
    { path: '/admin/menu/{name}', roles, load: () => import('./flow.js') },
    { path: '/admin/{kind}', roles, load: () => import('./list.js') },
    { path: '/admin/{kind}/{name}', roles, load: () => import('./object.js') },
  ],
});

fill('wallboard.top', FirstSteps);
