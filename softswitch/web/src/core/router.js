// Addresses: '#/reports/queues?from=2026-11-01'. The switch serves one page; what follows '#' stays in the browser.
import { useEffect, useState } from 'preact/hooks';

export function here() {
  const [address, query = ''] = (location.hash.slice(1) || '/').split('?');
  return { address, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** Go to an address of ours; values that are empty stay out of the query. */
export function go(address, query = {}, { replace = false } = {}) {
  const target = link(address, query);
  if (replace) history.replaceState(null, '', target);
  else history.pushState(null, '', target);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function link(address, query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '' && value != null));
  return search.size ? `#${address}?${search}` : `#${address}`;
}

export function useHere() {
  const [found, set] = useState(here);
  useEffect(() => {
    const listener = () => set(here());
    addEventListener('hashchange', listener);
    addEventListener('popstate', listener);
    return () => {
      removeEventListener('hashchange', listener);
      removeEventListener('popstate', listener);
    };
  }, []);
  return found;
}
