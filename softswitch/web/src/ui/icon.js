// Icons, drawn here: lines of 24 units.
import { html } from '../core/html.js';

const PATHS = {
  phone: 'M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2',
  'phone-in': 'M15 9h5M15 9V4M15 9l6-6M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2',
  'phone-out': 'M16 3h5v5M21 3l-6 6M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2',
  'phone-off': 'M3 15v-2c4.5-5 13.500-5 18 0v2a1 1 0 0 1-1.200 1l-3.300-.8a1 1 0 0 1-.8-1v-1.700c-2.400-.8-5-.8-7.400 0v1.700a1 1 0 0 1-.8 1l-3.300.8A1 1 0 0 1 3 15',
  headset: 'M4 14v-2a8 8 0 0 1 16 0v2M4 14h3v5H5a1 1 0 0 1-1-1zM20 14h-3v5h2a1 1 0 0 0 1-1zM19 19c0 1.500-2 2-5 2',
  mic: 'M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3M6 11a6 6 0 0 0 12 0M12 17v4M9 21h6',
  'mic-off': 'M3 3l18 18M9 9v2a3 3 0 0 0 4.500 2.600M15 11V6a3 3 0 0 0-5.800-1M6 11a6 6 0 0 0 9 5.200M18 11a6 6 0 0 1-.5 2.400M12 17v4M9 21h6',
  pause: 'M9 5v14M15 5v14', play: 'M7 4.500v15l12-7.500z', stop: 'M6 6h12v12H6z', record: 'M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10',
  keypad: 'M6 5h.01M12 5h.01M18 5h.01M6 11h.01M12 11h.01M18 11h.01M6 17h.01M12 17h.01M18 17h.01',
  transfer: 'M4 8h13M13 4l4 4-4 4M20 16H7M11 12l-4 4 4 4', merge: 'M7 3v4c0 4 5 4 5 8v6M17 3v4c0 4-5 4-5 8', swap: 'M7 4v14M3 14l4 4 4-4M17 20V6M13 10l4-4 4 4',
  users: 'M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8M2 21c0-4 3-6 7-6s7 2 7 6M16 3.500a4 4 0 0 1 0 7M18 15.500c2.500.7 4 2.500 4 5.500',
  user: 'M12 12a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9M4 21c0-4 3.500-6 8-6s8 2 8 6',
  queue: 'M4 6h16M4 12h16M4 18h10', board: 'M3 4h18v12H3zM8 20h8M12 16v4M7 12v-2M11 12V8M15 12v-3', chart: 'M4 20V4M4 20h16M8 16v-5M12 16V8M16 16v-3M20 16V6',
  archive: 'M3 5h18v4H3zM5 9v10h14V9M10 13h4', settings: 'M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6M4 7l3 1M4 17l3-1M20 7l-3 1M20 17l-3-1M12 2v4M12 18v4',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7v5l3 2', callback: 'M20 12a8 8 0 1 1-2.500-5.800M20 3v4h-4M12 8v4l3 2', missed: 'M4 6l8 7 8-8M20 10V5h-5M3 19c4-4 14-4 18 0',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.400 1.400M17.600 17.600L19 19M5 19l1.400-1.400M17.600 6.400L19 5', moon: 'M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10', system: 'M4 5h16v10H4zM9 19h6M12 15v4',
  menu: 'M4 7h16M4 12h16M4 17h16', close: 'M6 6l12 12M18 6L6 18', check: 'M5 12l5 5 9-10', down: 'M6 9l6 6 6-6', up: 'M6 15l6-6 6 6', right: 'M9 6l6 6-6 6', left: 'M15 6l-6 6 6 6', plus: 'M12 5v14M5 12h14',
  alert: 'M12 4L2.500 20h19zM12 10v4M12 17h.01', info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v5M12 8h.01', search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14M16 16l4.500 4.500', logout: 'M10 4H5v16h5M15 8l4 4-4 4M9 12h10', volume: 'M4 9v6h4l5 4V5L8 9zM16.500 8.500a5 5 0 0 1 0 7',
  download: 'M12 4v11M7 11l5 5 5-5M4 20h16', upload: 'M12 16V5M7 9l5-5 5 5M4 20h16', edit: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3', trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13', more: 'M5 12h.01M12 12h.01M19 12h.01', link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1', filter: 'M4 5h16l-6 7v6l-4 2v-8z', ear: 'M7 10a5 5 0 0 1 10 0c0 4-4 4.500-4 8a3 3 0 0 1-6 0M10 10a2 2 0 0 1 4 0c0 1.500-2 2-2 3.500', language: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M3 12h18M12 3c3 3 3.500 6 3.500 9s-.5 6-3.500 9M12 3c-3 3-3.500 6-3.500 9s.5 6 3.500 9', calendar: 'M4 6h16v14H4zM4 10h16M8 3v4M16 3v4', wand: 'M5 19L15 9M17 4v3M15.500 5.500h3M19 10v2M18 11h2', card: 'M3 6h18v12H3zM7 14h4M7 10h2M15 10h3M15 13h3', star: 'M12 4l2.500 5.200 5.500.8-4 4 1 5.600-5-2.700-5 2.700 1-5.600-4-4 5.500-.8z', megaphone: 'M4 10v4h3l9 4V6L7 10zM19 9.500a4 4 0 0 1 0 5M8 14l1 6h2l-.5-5', shield: 'M12 3l8 3v6c0 5-3.500 8-8 9-4.500-1-8-4-8-9V6z',
};

/** `label`: what it says to who does not see it; without it the text beside it does. */
export function Icon({ name, size = 20, label }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" fill="none" stroke="currentColor"
    stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" role=${label ? 'img' : undefined}
    aria-label=${label} aria-hidden=${label ? undefined : 'true'}><path d=${PATHS[name] || PATHS.info} /></svg>`;
}
