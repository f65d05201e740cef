// Whoever looks at something else is told that somebody calls: by the title of the tab, and by the system.
import { useEffect, useRef } from '../core/html.js';
import { t } from '../core/i18n.js';
import { go } from '../core/router.js';

/** To be asked for by a click: browsers ask people only then. */
export function permitNotices() {
  if (globalThis.Notification?.permission === 'default') Notification.requestPermission().catch(() => {});
}

export function useAttention(ringing) {
  const before = useRef('');
  const name = ringing && (ringing.name || ringing.number || t('panel.unknown'));
  useEffect(() => {
    if (!ringing) return undefined;
    before.current = document.title;
    document.title = `☎ ${name}`;
    let notice = null;
    if (document.hidden && globalThis.Notification?.permission === 'granted') {
      notice = new Notification(name, { body: t('panel.ringing'), tag: 'softswitch-call', requireInteraction: true });
      notice.onclick = () => {
        window.focus();
        go('/panel');
        notice.close();
      };
    }
    return () => {
      document.title = before.current;
      notice?.close();
    };
  }, [ringing?.key, name]);
}
