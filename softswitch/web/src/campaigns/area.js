// Campaigns: their progress, lists and settings; and in the panel whom to call, with the script.
import { area, fill } from '../core/registry.js';
import { resource } from '../core/live.js';
import en from './en.json';
import pl from './pl.json';
import { Preview } from './preview.js';
import { Called } from './called.js';
import './campaigns.css';

const ROLES = ['supervisor'];

resource('campaigns', { path: '/api/campaigns', key: 'campaign', events: ['campaign.', 'config.changed', 'call.disposition'], poll: 15_000 });

area({
  name: 'campaigns',
  texts: { pl, en },
  routes: [
    { path: '/campaigns', roles: ROLES, load: () => import('./page.js'), nav: { text: 'campaigns.nav', icon: 'megaphone', order: 35 } },
    { path: '/campaigns/{campaign}', roles: ROLES, load: () => import('./campaign.js') },
    { path: '/sms', roles: [], load: () => import('./sms.js'), nav: { text: 'campaigns.sms', icon: 'megaphone', order: 68 } },
    { path: '/campaigns/{campaign}/import', roles: ROLES, load: () => import('./import.js') },
  ],
});

fill('panel.work', Preview);
fill('panel.customer', Called);
