// The frame around every page: navigation, who one is, light or dark, and the page itself.
import { html, useEffect, useState } from '../core/html.js';
import { LANGUAGES, setLanguage, t, useLanguage } from '../core/i18n.js';
import { connect, disconnect, useConnection } from '../core/live.js';
import { cornersFor, match, navigationFor } from '../core/registry.js';
import { go, link, useHere } from '../core/router.js';
import { logOut, openSession, useSession } from '../core/session.js';
import { THEMES, useTheme } from '../core/theme.js';
import { Button, Empty, Icon, Skeleton } from '../ui/index.js';
import { Questions } from '../ui/dialog.js';
import { Toasts } from '../ui/toast.js';
import { Login } from './login.js';

export function App() {
  const language = useLanguage();
  const { state, who } = useSession();
  useEffect(() => {
    if (state !== 'in') return undefined;
    connect();
    return disconnect;
  }, [state, who?.name]);
  const shown = {
    unknown: () => html`<div class="waiting"><${Skeleton} /></div>`,
    unreachable: () => html`<div class="waiting"><${Empty} icon="alert" text=${t('shell.unreachable')}><${Button} kind="primary" onClick=${openSession}>${t('shell.retry')}<//><//></div>`,
    in: () => html`<${Frame} who=${who} key=${who.name} />`,
  }[state] || (() => html`<${Login} ended=${state === 'ended'} />`);
  return html`<div key=${language} class="root">${shown()}<${Toasts} /><${Questions} /></div>`;
}

function Frame({ who }) {
  const { address, query } = useHere();
  const [open, setOpen] = useState(false);
  const entries = navigationFor(who);
  useEffect(() => setOpen(false), [address]);
  useEffect(() => {
    if (address === '/' && entries.length) go(entries[0].path, {}, { replace: true });
  }, [address]);
  return html`<div class=${`frame ${open ? 'navigating' : ''}`}>
    <a class="skip" href="#content" onClick=${(event) => { event.preventDefault(); document.getElementById('content').focus(); }}>${t('shell.skip')}</a>
    <nav class="side" aria-label=${t('shell.menu')}>
      <a class="brand" href="#/"><span class="brand-mark"><${Icon} name="headset" size=${22} /></span><span>softswitch</span></a>
      <ul>${entries.map((one) => html`<li key=${one.path}><a href=${link(one.path)} aria-current=${isAt(one, entries, address) ? 'page' : undefined}>
        <${Icon} name=${one.nav.icon} /><span>${t(one.nav.text)}</span></a></li>`)}</ul>
      <div class="side-foot"><${Connection} /><${Preferences} />
        <div class="person"><span class="avatar" aria-hidden="true">${who.name.slice(0, 2)}</span><div><strong>${who.name}</strong><small>${t(`shell.role.${who.role}`)}</small></div>
          <${Button} kind="quiet" icon="logout" label=${t('shell.logout')} onClick=${logOut} /></div></div>
    </nav>
    <div class="veil" onClick=${() => setOpen(false)} />
    <div class="main">
      <header class="top"><${Button} kind="quiet" class="menu-button" icon="menu" label=${t('shell.menu')} aria-expanded=${open} onClick=${() => setOpen(!open)} />
        ${cornersFor(who).map(({ component: Corner }, i) => html`<${Corner} key=${i} who=${who} />`)}</header>
      <main id="content" tabindex="-1"><${Page} who=${who} address=${address} query=${query} none=${!entries.length} /></main>
    </div>
  </div>`;
}

/** The entry whose page is shown, or the page above it: "/reports" for "/reports/queues" that has no entry of its own. */
function isAt(entry, entries, address) {
  const fits = (one) => address === one.path || address.startsWith(`${one.path}/`);
  return fits(entry) && !entries.some((one) => fits(one) && one.path.length > entry.path.length);
}

const loaded = new Map(); // route -> component

function Page({ who, address, query, none }) {
  const found = match(who, address);
  const route = found?.route;
  const [state, set] = useState({});
  useEffect(() => {
    let here = true;
    if (!route || loaded.has(route.load)) return undefined;
    route.load().then(
      (module) => { loaded.set(route.load, module.default); if (here) set({}); },
      () => here && set({ failed: route }),
    );
    return () => { here = false; };
  }, [route]);
  useEffect(() => {
    document.title = route?.nav ? `${t(route.nav.text)} · softswitch` : 'softswitch';
  }, [route]);
  if (!route) {
    if (address === '/' && !none) return null;
    return html`<${Empty} icon="search" text=${t(none ? 'shell.none' : 'shell.nowhere')}>${!none && html`<${Button} onClick=${() => go('/')}>${t('shell.home')}<//>`}<//>`;
  }
  const Shown = loaded.get(route.load);
  if (Shown) return html`<${Shown} key=${route.path} ...${found.values} query=${query} who=${who} />`;
  if (state.failed === route) return html`<${Empty} icon="alert" text=${t('shell.failed')}><${Button} onClick=${() => location.reload()}>${t('shell.retry')}<//><//>`;
  return html`<div class="page"><${Skeleton} lines=${5} /></div>`;
}

function Connection() {
  const state = useConnection();
  return html`<div class=${`connection ${state}`} role="status"><i class="dot" />${t(`shell.connection.${state}`)}</div>`;
}

export function Preferences() {
  const language = useLanguage();
  const [theme, setTheme] = useTheme();
  const icons = { system: 'system', light: 'sun', dark: 'moon' };
  return html`<div class="preferences">
    <div class="switch" role="group" aria-label=${t('shell.theme')}>${THEMES.map((name) => html`
      <button key=${name} type="button" aria-pressed=${theme === name} aria-label=${t(`shell.theme.${name}`)} title=${t(`shell.theme.${name}`)} onClick=${() => setTheme(name)}><${Icon} name=${icons[name]} size=${16} /></button>`)}</div>
    <div class="switch" role="group" aria-label=${t('shell.language')}>${Object.entries(LANGUAGES).map(([name, title]) => html`
      <button key=${name} type="button" lang=${name} aria-pressed=${language === name} aria-label=${title} title=${title} onClick=${() => setLanguage(name)}>${name.toUpperCase()}</button>`)}</div>
  </div>`;
}
