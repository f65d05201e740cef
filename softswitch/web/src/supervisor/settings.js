// Settings of a queue, changed while calls go on: first what it would do, then at once.
import { api, path } from '../core/api.js';
import { html, useEffect, useRef, useState } from '../core/html.js';
import { number, t, tOr } from '../core/i18n.js';
import { useLive } from '../core/live.js';
import { Tiers } from '../admin/tiers.js';
import { go, link } from '../core/router.js';
import { Button, Card, Empty, Field, Skeleton, toast } from '../ui/index.js';

const STRATEGIES = ['longest_idle', 'fewest_calls', 'least_busy', 'round_robin', 'linear', 'random', 'weighted_random', 'ring_all', 'progressive', 'skills'];
const share = (value) => Math.round(1000 * value) / 10;
// What can be changed here: [name, kind, limits]. The order is that of the page.
const GROUPS = {
  ringing: [['strategy', 'strategy'], ['ring_timeout', 'seconds'], ['ring_step', 'seconds'], ['wrap_up', 'seconds'], ['max_no_answer', 'count'], ['no_answer_delay', 'seconds'], ['reject_delay', 'seconds']],
  waiting: [['max_wait', 'seconds'], ['max_length', 'count'], ['priority_seconds', 'seconds'], ['fair_after', 'seconds'], ['weight', 'count']],
  tiers: [['members', 'members'], ['tier_mode', 'tiers'], ['tier_widen', 'yes']],
  heard: [['greeting', 'list'], ['agent_greeting', 'list'], ['music', 'text'], ['agent_hears_wait', 'yes']],
  measured: [['service_level_seconds', 'seconds'], ['service_level_target', 'share'], ['short_abandon', 'seconds']],
};

const shown = (kind, value) => (kind === 'share' ? share(value) : kind === 'list' ? (value || []).join(', ') : kind === 'yes' ? Boolean(value) : value ?? '');

/** What a field says as the site takes it; undefined: it says nothing that could be taken. */
function read(kind, value) {
  if (kind === 'list') return String(value).split(',').map((one) => one.trim()).filter(Boolean);
  if (kind === 'members' || kind === 'yes' || kind === 'strategy' || kind === 'tiers' || kind === 'text') return value;
  const found = Number(String(value).replace(',', '.'));
  if (String(value).trim() === '' || !Number.isFinite(found)) return undefined;
  return kind === 'share' ? found / 100 : found;
}

export default function Settings({ queue, who }) {
  const queues = useLive('board', (board) => board.queues.map(({ queue: name, title }) => ({ name, title })));
  const first = queues?.[0]?.name;
  useEffect(() => {
    if (!queue && first) go(`/queue-settings/${encodeURIComponent(first)}`, {}, { replace: true });
  }, [queue, first]);
  if (!queues) return html`<div class="page"><${Skeleton} lines=${8} /></div>`;
  if (!queues.length) return html`<div class="page"><${Empty} text=${t('supervisor.no_queues')} icon="queue">${who.role === 'administrator' && html`<a class="button primary" href=${link('/admin/queue/+')}>${t('supervisor.add_queue')}</a>`}<//></div>`;
  return html`<div class="page supervisor-settings"><div class="page-head"><h1>${t('supervisor.settings')}</h1></div>
    <div class="supervisor-tools"><${Field} label=${t('supervisor.queue')} kind="select" value=${queue || first} onChange=${(name) => go(`/queue-settings/${encodeURIComponent(name)}`)}
      options=${queues.map((one) => ({ value: one.name, title: one.title }))} /></div>
    ${queue && html`<${Form} key=${queue} queue=${queue} who=${who} />`}</div>`;
}

function Form({ queue }) {
  const agents = useLive('board', (board) => board.agents.map(({ agent, title }) => ({ name: agent, title }))) || [];
  const [found, setFound] = useState(null);
  const [values, setValues] = useState({});
  const [tried, setTried] = useState(null);
  const [problems, setProblems] = useState([]);
  const where = path('/api/queues/{queue}/settings', { queue });
  const load = () => api.get(where).then((answer) => { setFound(answer); setValues({}); }, (error) => setProblems([error.message]));
  useEffect(() => { load(); }, [queue]);
  if (!found) return problems.length ? html`<${Problems} problems=${problems} />` : html`<${Skeleton} lines=${8} />`;
  const kinds = Object.fromEntries(Object.values(GROUPS).flat());
  const wrong = Object.keys(values).filter((name) => read(kinds[name], values[name]) === undefined);
  const settings = Object.fromEntries(Object.entries(values).filter(([name]) => !wrong.includes(name)).map(([name, value]) => [name, read(kinds[name], value)])
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(found.settings[name])));
  const changes = Object.keys(settings).length;
  const change = (name, value) => { setValues({ ...values, [name]: value }); setTried(null); };
  const put = async (dry) => {
    try {
      const answer = await api.put(`${where}${dry ? '?dry_run=true' : ''}`, { settings });
      setProblems([]);
      return answer;
    } catch (error) {
      setTried(null);
      setProblems(error.problems.length ? error.problems : [`${error.message} ${error.hint}`]);
      return null;
    }
  };
  const preview = async () => { const answer = await put(true); if (answer) setTried(answer); };
  const apply = async () => {
    if (await put(false)) {
      toast(t('supervisor.applied'), { kind: 'good' });
      setTried(null);
      await load();
    }
  };
  return html`<div class="supervisor-form">
    ${Object.entries(GROUPS).map(([group, fields]) => {
      const mine = fields.filter(([name]) => found.adjustable.includes(name));
      return mine.length > 0 && html`<${Card} key=${group} title=${t(`supervisor.group.${group}`)}><div class="supervisor-fields">${mine.map(([name, kind]) => (kind === 'members' ? html`
        <div key=${name} class=${`supervisor-members ${name in settings ? 'supervisor-changed' : ''}`}><${Tiers} members=${name in values ? values[name] : found.settings[name] || []} agents=${agents} errors=${[]} edits onChange=${(value) => change(name, value)} /></div>` : html`
        <${Setting} key=${name} name=${name} kind=${kind} value=${name in values ? values[name] : shown(kind, found.settings[name])} usual=${found.defaults[name]}
          wrong=${wrong.includes(name)} changed=${name in settings} onChange=${(value) => change(name, value)} />`))}</div><//>`;
    })}
    <${Problems} problems=${problems} />
    ${tried && html`<${Preview} tried=${tried} />`}
    <div class="supervisor-foot row"><span class="soft grow" role="status">${changes ? t('supervisor.changes', { count: changes }) : t('supervisor.no_changes')}</span>
      ${changes > 0 && html`<${Button} kind="quiet" onClick=${() => { setValues({}); setTried(null); setProblems([]); }}>${t('supervisor.reset')}<//>`}
      <${Button} icon="search" disabled=${!changes || wrong.length > 0} onClick=${preview}>${t('supervisor.preview')}<//>
      <${Button} kind="primary" icon="check" disabled=${!tried} onClick=${apply}>${t('supervisor.apply')}<//></div></div>`;
}

function Setting({ name, kind, value, usual, wrong, changed, onChange }) {
  const label = t(`supervisor.set.${name}`);
  const options = { strategy: STRATEGIES, tiers: ['busy', 'timed', 'both'] }[kind];
  const hint = kind === 'yes' ? '' : t('supervisor.usual', { value: options ? tOr(`supervisor.${kind}.${usual}`, usual) : kind === 'list' ? shown(kind, usual) || '–' : kind === 'share' ? `${number(share(usual), 1)} %` : usual });
  const shared = { label, value, onChange, hint, error: wrong ? t('supervisor.not_a_number') : '', class: changed ? 'supervisor-changed' : '' };
  if (options) {
    const known = options.includes(value) ? options : [...options, value];
    return html`<${Field} ...${shared} kind="select" options=${known.map((one) => ({ value: one, title: tOr(`supervisor.${kind}.${one}`, one) }))} />`;
  }
  if (kind === 'yes') return html`<${Field} ...${shared} kind="checkbox" />`;
  return html`<${Field} ...${shared} kind="text" inputmode=${kind === 'list' || kind === 'text' ? undefined : 'decimal'} />`;
}

const Problems = ({ problems }) => problems.length > 0 && html`<div class="supervisor-problems state-alarm" role="alert"><ul>${problems.map((one, i) => html`<li key=${i}>${one}</li>`)}</ul></div>`;

/** What a change would do: its lines, whom it touches, and what the last hour would have been under it. */
function Preview({ tried }) {
  const affected = tried.affected || [];
  const shown = useRef();
  useEffect(() => shown.current.scrollIntoView({ block: 'end' }), [tried]);
  return html`<${Card} title=${t('supervisor.would')} icon="wand"><div class="column supervisor-preview" role="status" ref=${shown}>
    <ul class="supervisor-lines">${tried.changes.map((line, i) => html`<li key=${i} class="mono">${line}</li>`)}</ul>
    <h3>${t('supervisor.touches')}</h3>
    ${affected.length ? html`<ul class="supervisor-lines">${affected.map((one, i) => html`<li key=${i}>${one.text}</li>`)}</ul>` : html`<p class="soft">${t('supervisor.touches_nobody')}</p>`}
    ${tried.replay && html`<h3>${t('supervisor.last_hour')}</h3>
      ${tried.replay.length ? html`<ul class="supervisor-lines">${tried.replay.map((line, i) => html`<li key=${i} class="mono">${line.replace(/^\? /, '')}</li>`)}</ul>` : html`<p class="soft">${t('supervisor.no_record')}</p>`}`}
  </div><//>`;
}
