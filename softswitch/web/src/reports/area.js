// Reports: figures of times gone by, as charts and as the same numbers in tables.
import { area } from '../core/registry.js';
import en from './en.json';
import pl from './pl.json';
import './reports.css';

const roles = ['agent', 'supervisor', 'auditor'];
const load = () => import('./page.js');

area({
  name: 'reports',
  texts: { pl, en },
  routes: [
    { path: '/reports', roles, load, nav: { text: 'reports.nav', icon: 'chart', order: 40 } },
    { path: '/reports/staffing', roles: ['supervisor', 'auditor'], load: () => import('./staffing.js'), nav: { text: 'reports.staffing', icon: 'calendar', order: 42 } },
    { path: '/reports/{report}', roles, load },
  ],
});
