import { html } from '../core/html.js';
import { t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { Badge, Card, Clock, Skeleton, Table, activityText, stateOf } from '../ui/index.js';

export default function Panel({ who }) {
  const me = useLive('agents', (rows) => rows.find((one) => one.agent === who.agent));
  if (me === null) return html`<${Skeleton} />`;
  return html`<div class="page"><h1>${t('panel.nav')}</h1><${Card} title=${me?.title}><${Badge} state=${stateOf(me)}>${activityText(me)}<//> <${Clock} since=${me.since} /><//></div>`;
}
