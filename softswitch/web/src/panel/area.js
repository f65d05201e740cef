// The agent's panel: their state, their calls, their queues.
import { area } from '../core/registry.js';
import en from './en.json';
import pl from './pl.json';
import './panel.css';

area({
  name: 'panel',
  texts: { pl, en },
  routes: [{ path: '/panel', roles: ['agent'], only: true, load: () => import('./page.js'), nav: { text: 'panel.nav', icon: 'headset', order: 10 } }],
});
