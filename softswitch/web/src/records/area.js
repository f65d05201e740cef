// What was: calls, recordings, messages, and who did what.
import { area } from '../core/registry.js';
import en from './en.json';
import pl from './pl.json';
import './records.css';

const VIEWERS = ['agent', 'supervisor', 'auditor'];

area({
  name: 'records',
  texts: { pl, en },
  routes: [
    { path: '/calls', roles: VIEWERS, load: () => import('./calls.js'), nav: { text: 'records.calls', icon: 'archive', order: 50 } },
    { path: '/calls/{call}', roles: VIEWERS, load: () => import('./story.js') },
    { path: '/recordings', roles: VIEWERS, load: () => import('./recordings.js'), nav: { text: 'records.recordings', icon: 'volume', order: 52 } },
    { path: '/recordings/{recording}', roles: VIEWERS, load: () => import('./recording.js') },
    { path: '/voicemail', roles: VIEWERS, load: () => import('./voicemail.js'), nav: { text: 'records.voicemail', icon: 'missed', order: 54 } },
    { path: '/audit', roles: ['auditor'], load: () => import('./audit.js'), nav: { text: 'records.audit', icon: 'user', order: 56 } },
  ],
});
