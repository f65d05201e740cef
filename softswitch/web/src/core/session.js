// Who is logged in. The cookie is out of our reach; what we hold is what the switch says of it.
import { useEffect, useState } from 'preact/hooks';
import { api, onSessionEnded, setCsrf } from './api.js';
import { hasChosenLanguage, setLanguage } from './i18n.js';

const listeners = new Set();
let session = { state: 'unknown', who: null }; // state: unknown | in | out | ended | unreachable

function become(next) {
  session = next;
  setCsrf(next.who?.csrf || '');
  if (next.who?.language && !hasChosenLanguage()) setLanguage(next.who.language, { keep: false });
  for (const listener of listeners) listener(session);
}

onSessionEnded(() => session.state === 'in' && become({ state: 'ended', who: null }));

export async function openSession() {
  try {
    const who = await api.get('/api/session', { keepSession: true });
    become(who.role === 'local' ? { state: 'out', who: null } : { state: 'in', who });
  } catch (error) {
    become({ state: error.status === 401 || error.status === 403 || error.status === 421 ? 'out' : 'unreachable', who: null });
  }
}

/** Raises ApiError. */
export async function logIn(user, password) {
  try {
    become({ state: 'in', who: await api.post('/api/session', { user, password }, { keepSession: true }) });
  } catch (error) {
    if (error.status !== 403) throw error;
    await openSession(); // Somebody has logged in in another tab of this browser.
  }
}

export async function logOut() {
  for (const farewell of farewells) await farewell().catch(() => {});
  await api.delete('/api/session').catch(() => {});
  become({ state: 'out', who: null });
}

const farewells = new Set();

/** What is to be done before somebody is logged out, such as to end their phone's registration. */
export const beforeLogOut = (farewell) => farewells.add(farewell);

export const currentUser = () => session.who;

export function watchSession(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSession() {
  const [found, set] = useState(session);
  useEffect(() => {
    set(session);
    return watchSession(set);
  }, []);
  return found;
}
