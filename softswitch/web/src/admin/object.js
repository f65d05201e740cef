// One object as a form: saved only after it was shown what changes, and whom that touches.
import { html, useEffect, useRef, useState } from '../core/html.js';
import { t, tOr } from '../core/i18n.js';
import { go, link } from '../core/router.js';
import { attempt, Button, Card, confirm, Empty, Field, Skeleton } from '../ui/index.js';
import { Fields, emptyOf } from './forms.js';
import { Matrix, Rehearsal } from './crm.js';
import { Phone, Secret } from './phone.js';
import { Receiver } from './receiver.js';
import { Tiers } from './tiers.js';
import { nextNumber } from './people.js';
import { change, kindText, loadObject, mistakes, NEW, same, useSite } from './site.js';

// What is shown at first; the rest is behind "more".
const USUAL = {
  account: ['name', 'number', 'agent', 'mailbox', 'policy', 'record', 'srtp'],
  agent: ['device', 'title', 'pin', 'skills'],
  queue: ['title', 'strategy', 'ring_timeout', 'wrap_up', 'music', 'greeting', 'announce', 'max_wait', 'on_timeout', 'on_no_agents', 'record', 'dispositions'],
  disposition: ['title', 'note', 'colour'],
  trunk: ['title', 'servers', 'register', 'user', 'dids', 'default', 'max_calls'],
  site: ['domain', 'language', 'country', 'timezone', 'codecs'],
  mailbox: ['email', 'queue', 'greeting'],
  pause: ['title', 'key', 'longest', 'alert'],
  webhook: ['title', 'url', 'events', 'queues', 'enabled'],
  crm: ['title', 'url', 'enabled'],
  router: ['title', 'url', 'timeout', 'otherwise', 'outside'],
  user: ['title', 'role', 'agent', 'account', 'queues', 'language'],
};

// Fields with a part of the page of their own.
const OWN = { queue: ['members'], crm: ['actions', 'rows', 'queues'] };
// What a new one begins with.
const BEGINS = { queue: { announce: { position: 'own' } }, hours: { spans: ['Mon-Fri 08:00-20:00'] } };

/** A name that is probably meant; '': none, or it is taken. */
function freshName(kind, names) {
  if (kind === 'account') return nextNumber(names);
  const wish = tOr(`admin.fresh.${kind}`, '');
  return names.includes(wish) ? '' : wish;
}

export default function Page(given) {
  return html`<${One} key=${`${given.kind}/${given.name}`} ...${given} />`;
}

function One({ kind, name, who }) {
  const site = useSite();
  const fresh = name === NEW;
  const [object, set] = useState(fresh ? { body: null, secrets: [], version: 0 } : null);
  const [named, rename] = useState('');
  const [body, edit] = useState(null);
  const [errors, tell] = useState([]);
  const [made, show] = useState(null);
  const [missing, miss] = useState(null);
  const edits = who.role === 'administrator';
  const here = useRef(true); // whoever has gone on meanwhile is not called back
  useEffect(() => () => { here.current = false; }, []);
  const load = () => loadObject(kind, name).then((found) => { set(found); edit(found.body); tell([]); }).catch(miss);
  useEffect(() => { if (!fresh) load(); }, []);
  const fields = site.schema?.kinds[kind]?.fields;
  useEffect(() => { if (fresh && fields && body === null) {
    edit({ ...emptyOf(fields), ...BEGINS[kind] });
    rename(freshName(kind, (site.names[kind] || []).map((one) => one.name)));
  } }, [fields]);
  if (site.error || missing) return html`<div class="page"><${Empty} text=${(site.error || missing).message} icon="alert" /></div>`;
  if (site.schema && !fields) return html`<div class="page"><${Empty} text=${t('admin.no_kind', { kind })} icon="alert" /></div>`;
  if (!fields || body === null) return html`<div class="page"><${Card}><${Skeleton} lines=${6} /><//></div>`;
  const target = fresh ? named : name;
  const pieces = { put: [{ kind, name: target, body }], create: fresh };
  const save = async () => {
    tell([]);
    try {
      const done = await change(pieces, { version: object.version });
      if (Object.keys(done.secrets).length) show(Object.values(done.secrets)[0]);
      else if (fresh) here.current && go(`/admin/${kind}/${encodeURIComponent(target)}`, {}, { replace: true });
      else await load();
      await site.reload();
      await attempt(async () => {}, t('admin.saved'));
    } catch (error) {
      tell(mistakes(error));
      if (!mistakes(error).length || error.status !== 422) await attempt(async () => { throw error; });
    }
  };
  const remove = async () => {
    if (!await confirm(t('admin.remove.sure', { name }))) return;
    if (await attempt(() => change({ remove: [{ kind, name }] }, { version: object.version }), t('admin.removed'))) go(`/admin/${kind}`);
  };
  const prefix = `${kind === 'site' ? '' : `${kind === 'extension' ? 'extensions' : kind === 'feature_code' ? 'feature_codes' : kind}.${target}`}`;
  const own = errors.map((one) => ({ ...one, key: kind === 'site' ? one.key : one.key === prefix ? '' : one.key.replace(`${prefix}.`, '') }));
  const loose = own.filter((one) => !fields.some((field) => one.key === field.name || one.key.startsWith(`${field.name}.`) || one.key.startsWith(`${field.name}[`)));
  const changed = fresh || !same(body, object.body);
  return html`<div class="page"><div class="page-head"><div><a class="soft" href=${link(kind === 'site' ? '/admin' : `/admin/${kind}`)}>${kind === 'site' ? t('admin.nav') : kindText(kind, 2)}</a>
      <h1>${fresh ? t('admin.new', { kind: kindText(kind) }) : kind === 'site' ? kindText('site', 2) : name}</h1></div></div>
    <form class="column" onSubmit=${(event) => { event.preventDefault(); save(); }}><${Card}>
      ${fresh && html`<${Field} label=${tOr(`admin.id.${kind}`, t('admin.id'))} value=${named} onChange=${rename} hint=${tOr(`admin.id.help.${kind}`, t('admin.id.help'))} required class="admin-name" />`}
      ${kind === 'queue' && html`<${Tiers} members=${body.members || []} agents=${site.names.agent || []} errors=${own} onChange=${(members) => edit({ ...body, members })} edits=${edits} />`}
      <${Fields} fields=${fields.filter((one) => !(OWN[kind] || []).includes(one.name))} value=${body} onChange=${edit} site=${site} errors=${own} only=${USUAL[kind]} />
      ${kind === 'crm' && html`<${Field} label=${t('admin.crm.token')} kind="password" autocomplete="off" value=${body.token || ''} onChange=${(text) => { const { token, ...rest } = body; edit(text ? { ...rest, token: text } : rest); }} hint=${t('admin.crm.token.help')} class="admin-name admin-spaced" />
        <${Matrix} body=${body} onChange=${edit} site=${site} edits=${edits} errors=${own} />`}
      ${object.secrets.length > 0 && html`<p class="soft">${t('admin.secrets', { names: object.secrets.filter((one) => !one.startsWith('ha1')).join(', ') || t('admin.password') })}</p>`}
      ${loose.map((one) => html`<p class="admin-wrong" role="alert" key=${one.text}>${one.text}</p>`)}
    <//>
    ${edits && html`<div class="row admin-actions"><${Button} kind="primary" icon="check" type="submit" disabled=${!changed || !target}>${t('admin.save')}<//>
      ${changed && !fresh && html`<${Button} onClick=${() => edit(object.body)}>${t('admin.undo')}<//>`}
      ${!fresh && kind !== 'site' && html`<${Button} kind="quiet" icon="trash" onClick=${remove}>${t('admin.remove')}<//>`}</div>`}</form>
    ${kind === 'crm' && edits && html`<${Rehearsal} name=${target || 'crm'} body=${body} site=${site} />`}
    ${!fresh && (kind === 'webhook' || kind === 'crm') && html`<${Receiver} kind=${kind} name=${name} edits=${edits} />`}
    ${made && html`<${Secret} kind=${kind} name=${target} secret=${made} onClose=${() => { show(null); if (fresh) go(`/admin/${kind}/${encodeURIComponent(target)}`, {}, { replace: true }); }} />`}
    ${!fresh && edits && (kind === 'account' || kind === 'user') && html`<${Phone} kind=${kind} name=${name} />`}</div>`;
}
