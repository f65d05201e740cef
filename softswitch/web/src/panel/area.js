// The agent's panel: their state, their calls, their queues.
import { area } from '../core/registry.js';
import { StatusCorner } from './corner.js';
import en from './en.json';
import pl from './pl.json';
import './panel.css';

const WORKS = ['agent', 'supervisor'];

area({
  name: 'panel',
  texts: { pl, en },
  routes: [{ path: '/panel', roles: WORKS, when: (who) => Boolean(who.agent), load: () => import('./page.js'), nav: { text: 'panel.nav', icon: 'headset', order: 10 } }],
  corners: [{ roles: WORKS, component: StatusCorner }],
});
