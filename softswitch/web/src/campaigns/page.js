// All campaigns: whether they call, and how far they are.
import { html, useState } from '../core/html.js';
import { t } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { go, link } from '../core/router.js';
import { Button, Card, Skeleton, Table } from '../ui/index.js';
import { Edit } from './edit.js';
import { Progress, State, Switch, nextText, rate } from './parts.js';

export default function Campaigns({ who }) {
  const rows = useLive('campaigns');
  const [making, make] = useState(false);
  return html`<div class="page"><div class="page-head"><h1>${t('campaigns.nav')}</h1>
      ${who.role === 'administrator' && html`<${Button} kind="primary" icon="plus" onClick=${() => make(true)}>${t('campaigns.new')}<//>`}</div>
    <${Card}>${rows === null ? html`<${Skeleton} />` : html`<${Table} keyOf=${(row) => row.campaign} rows=${rows} caption=${t('campaigns.nav')} empty=${t('campaigns.none')} columns=${[
      { key: 'name', title: t('campaigns.name'), sort: (row) => row.title || row.campaign, cell: (row) => html`<a href=${link(`/campaigns/${encodeURIComponent(row.campaign)}`)}><strong>${row.title || row.campaign}</strong></a>` },
      { key: 'queue', title: t('campaigns.queue'), hide: 'narrow', sort: (row) => row.queue },
      { key: 'mode', title: t('campaigns.mode'), hide: 'narrow', cell: (row) => t(`campaigns.mode.${row.mode}`) },
      { key: 'state', title: t('campaigns.state'), cell: (row) => html`<${State} one=${row} />` },
      { key: 'progress', title: t('campaigns.progress'), cell: (row) => html`<${Progress} one=${row} />` },
      { key: 'attempts', title: t('campaigns.attempts'), align: 'end', sort: (row) => row.attempts },
      { key: 'rate', title: t('campaigns.hit_rate'), align: 'end', sort: (row) => row.hit_rate, cell: (row) => rate(row.hit_rate) },
      { key: 'denied', title: t('campaigns.denied'), align: 'end', hide: 'narrow', sort: (row) => row.statuses.denied, cell: (row) => row.statuses.denied },
      { key: 'next', title: t('campaigns.next'), align: 'end', hide: 'narrow', sort: (row) => row.next_due, cell: nextText },
      { key: 'do', title: '', align: 'end', cell: (row) => html`<${Switch} one=${row} />` },
    ]} />`}<//>
    ${making && html`<${Edit} onClose=${(made) => { make(false); if (made) go(`/campaigns/${encodeURIComponent(made)}`); }} />`}</div>`;
}
