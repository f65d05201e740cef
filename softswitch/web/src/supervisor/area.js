// What supervisors look at and do: wallboard, team, waiting callers, alerts, settings of queues.
import { area } from '../core/registry.js';
import { AlertBell } from './alerts.js';
import { Messages } from './messages.js';
import en from './en.json';
import pl from './pl.json';
import './store.js';
import './supervisor.css';

const watching = ['supervisor', 'auditor'];

area({
  name: 'supervisor',
  texts: { pl, en },
  routes: [
    { path: '/wallboard', roles: watching, load: () => import('./wallboard.js'), nav: { text: 'supervisor.wallboard', icon: 'board', order: 20 } },
    { path: '/team', roles: watching, load: () => import('./team.js'), nav: { text: 'supervisor.team', icon: 'users', order: 21 } },
    { path: '/waiting', roles: watching, load: () => import('./waiting.js'), nav: { text: 'supervisor.waiting', icon: 'queue', order: 22 } },
    { path: '/queue-settings', roles: ['supervisor'], load: () => import('./settings.js'), nav: { text: 'supervisor.settings', icon: 'settings', order: 23 } },
    { path: '/queue-settings/{queue}', roles: ['supervisor'], load: () => import('./settings.js') },
  ],
  corners: [{ roles: watching, component: AlertBell }, { roles: ['agent', 'supervisor'], component: Messages }],
});
