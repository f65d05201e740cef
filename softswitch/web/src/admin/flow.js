// The builder: a flow from blocks, checked by the switch while it is built, and the same as text.
import { api } from '../core/api.js';
import { html, useEffect, useLayoutEffect, useRef, useState } from '../core/html.js';
import { t, tOr } from '../core/i18n.js';
import { go, link } from '../core/router.js';
import { attempt, Badge, Button, Card, confirm, Empty, Field, Icon, Skeleton, Tabs } from '../ui/index.js';
import { Block } from './block.js';
import { nextNumber } from './people.js';
import { change, kindText, loadObject, mistakes, NEW, same, useSite } from './site.js';
import { branchesOf, closedSteps, freshBranch, hotline, ICONS, MAIN, moved, newStep, PALETTE, renamed, stepsOf, withoutBranch, withSteps } from './steps.js';

const FIRST_NUMBER = 800; // of those that lead to flows
const PATIENCE = 350; // ms without a change before the switch is asked

export default function Page(given) {
  return html`<${Flow} key=${given.name} ...${given} />`;
}

function Flow({ name, who }) {
  const site = useSite();
  const fresh = name === NEW;
  const [named, rename] = useState('');
  const [stored, keep] = useState(fresh ? { body: { steps: [] }, version: 0 } : null);
  const [body, edit] = useState(fresh ? { steps: [] } : null);
  const [numbers, dial] = useState(null);
  const [view, look] = useState('blocks');
  const [checked, tell] = useState({ state: 'new', errors: [], changes: [] });
  const [missing, miss] = useState(null);
  const [open, unfold] = useState('');
  const here = useRef(true);
  useEffect(() => () => { here.current = false; }, []);
  const edits = who.role === 'administrator';
  const target = fresh ? named.trim() : name;
  const leading = (site.names.extension || []).filter((one) => one.title === `menu:${name}`).map((one) => one.name);
  const load = () => loadObject('menu', name).then((found) => { keep(found); edit(found.body); }).catch(miss);
  useEffect(() => { if (!fresh) load(); }, []);
  useEffect(() => {
    if (!site.schema || numbers !== null) return;
    const taken = [...site.names.extension, ...site.names.account].map((one) => one.name);
    dial(fresh ? nextNumber(taken, FIRST_NUMBER) : leading.join(', '));
    if (fresh && !site.names.menu.some((one) => one.name === t('admin.fresh.menu'))) rename(t('admin.fresh.menu'));
  }, [site.schema]);

  const wanted = (numbers || '').split(/[\s,]+/).filter(Boolean);
  const pieces = {
    put: [{ kind: 'menu', name: target, body }, ...wanted.filter((one) => !leading.includes(one)).map((one) => ({ kind: 'extension', name: one, body: { destination: `menu:${target}` } }))],
    remove: leading.filter((one) => !wanted.includes(one)).map((one) => ({ kind: 'extension', name: one })),
  };
  const changed = fresh || !same(body, stored?.body) || !same(wanted, leading);
  const begun = Boolean(body?.steps?.length); // An empty flow is no mistake yet.
  const asked = begun && target && numbers !== null && edits ? JSON.stringify(pieces) : '';
  useEffect(() => {
    if (!asked) {
      tell({ state: 'new', errors: [], changes: [] });
      return undefined;
    }
    let over = false;
    const timer = setTimeout(async () => {
      try {
        const found = await change(JSON.parse(asked), { dryRun: true });
        if (!over) tell({ state: 'good', errors: [], changes: found.changes });
      } catch (error) {
        if (!over) tell({ state: 'wrong', errors: mistakes(error).length ? mistakes(error) : [{ key: '', text: error.message }], changes: [] });
      }
    }, PATIENCE);
    return () => { over = true; clearTimeout(timer); };
  }, [asked]);

  if (site.error || missing) return html`<div class="page"><${Empty} text=${(site.error || missing).message} icon="alert" /></div>`;
  if (!site.schema || !body || numbers === null) return html`<div class="page"><${Card}><${Skeleton} lines=${6} /><//></div>`;

  const save = async () => {
    try {
      await change(pieces, { version: fresh ? 0 : stored.version });
    } catch (error) {
      tell({ state: 'wrong', errors: mistakes(error), changes: [] });
      await attempt(async () => { throw error; });
      return;
    }
    await attempt(async () => {}, t('admin.saved'));
    await site.reload();
    if (!here.current) return;
    if (fresh) go(`/admin/menu/${encodeURIComponent(target)}`, {}, { replace: true });
    else await load();
  };
  const remove = async () => {
    if (!await confirm(t('admin.remove.sure', { name }))) return;
    const gone = { remove: [{ kind: 'menu', name }, ...leading.map((one) => ({ kind: 'extension', name: one }))] };
    if (await attempt(() => change(gone, { version: stored.version }), t('admin.removed'))) go('/admin/menu');
  };
  const prefix = `menu.${target}.`;
  const errors = checked.errors.map((one) => ({ ...one, key: one.key.replace(prefix, '') }));
  const loose = errors.filter((one) => !/^(steps\[|branches\.[^.[]+\[)/.test(one.key));
  return html`<div class="page"><div class="page-head"><div><a class="soft" href=${link('/admin/menu')}>${t('admin.flows')}</a>
      <h1>${fresh ? t('admin.flow.new') : name}</h1></div>
      ${edits && checked.state !== 'new' && html`<${Badge} state=${checked.state === 'good' ? 'good' : 'alarm'} icon=${checked.state === 'good' ? 'check' : 'alert'} role="status">
        ${checked.state === 'good' ? t('admin.flow.fine') : t('admin.flow.wrong', { count: errors.length })}<//>`}
      ${edits && html`<div class="row admin-actions"><${Button} kind="primary" icon="check" disabled=${!changed || !target || !begun || checked.state === 'wrong'} onClick=${save}>${t('admin.save')}<//>
        ${!fresh && html`<${Button} kind="quiet" icon="trash" onClick=${remove}>${t('admin.remove')}<//>`}</div>`}</div>
    <${Card}><div class="admin-fields">
      ${fresh && html`<${Field} label=${t('admin.name')} value=${named} onChange=${rename} hint=${t('admin.flow.name')} />`}
      <${Field} label=${t('admin.flow.numbers')} value=${numbers} onChange=${dial} hint=${t('admin.flow.numbers.help')} />
      <${Field} label=${t('admin.field.language')} value=${body.language || ''} onChange=${(language) => edit(language ? { ...body, language } : (({ language: _, ...rest }) => rest)(body))} hint=${t('admin.flow.language')} /></div>
      ${loose.map((one) => html`<p class="admin-wrong" role="alert" key=${one.text}>${one.text}</p>`)}<//>
    <${Tabs} label=${t('admin.flow.view')} value=${view} onChange=${look} tabs=${[{ key: 'blocks', title: t('admin.flow.blocks') }, { key: 'text', title: t('admin.flow.text') }]} />
    ${view === 'blocks'
      ? html`<${Canvas} body=${body} edit=${edit} site=${site} errors=${errors} open=${open} unfold=${unfold} edits=${edits} />`
      : html`<${AsText} name=${target || 'menu'} body=${body} onTaken=${(made) => { edit(made); look('blocks'); }} edits=${edits} />`}</div>`;
}

/** The branches side by side, with lines from each step to the branch that it leads to. */
function Canvas({ body, edit, site, errors, open, unfold, edits }) {
  const frame = useRef();
  const [lines, draw] = useState([]);
  const [held, hold] = useState(null);
  useLayoutEffect(() => {
    const measure = () => {
      const area = frame.current.getBoundingClientRect();
      const found = [...frame.current.querySelectorAll('[data-leads]')].flatMap((from) => {
        const to = frame.current.querySelector(`[data-branch="${CSS.escape(from.dataset.leads)}"] h3`);
        if (!to) return [];
        const [a, b] = [from.getBoundingClientRect(), to.getBoundingClientRect()];
        const [x1, y1, x2, y2] = [a.right - area.left, a.top + a.height / 2 - area.top, b.left - area.left - 14, b.top + b.height / 2 - area.top];
        const bend = Math.max(24, Math.abs(x2 - x1) / 2);
        return [`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`];
      });
      draw((before) => (same(before, found) ? before : found));
    };
    measure();
    const sized = new ResizeObserver(measure);
    sized.observe(frame.current);
    for (const one of frame.current.querySelectorAll('.admin-branch')) sized.observe(one);
    return () => sized.disconnect();
  }, [body, open]);
  const grow = (wish, made) => {
    const name = freshBranch(made || body, wish);
    return [name, { ...(made || body), branches: { ...(made || body).branches, [name]: wish === 'closed' ? closedSteps(site) : [] } }];
  };
  const add = (branch, kind) => {
    let grown = body;
    const step = newStep(kind, site.schema, site, (wish) => {
      const [name, made] = grow(wish, grown);
      grown = made;
      return name;
    });
    edit(withSteps(grown, branch, [...stepsOf(grown, branch), step]));
    unfold(`${branch}/${stepsOf(body, branch).length}`);
  };
  const drop = (branch, index) => (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (held) edit(moved(body, held, { branch, index }));
    hold(null);
  };
  const removeBranch = async (name) => {
    if (!stepsOf(body, name).length || await confirm(t('admin.branch.sure', { name }))) edit(withoutBranch(body, name));
  };
  return html`<div class="admin-canvas" ref=${frame}>
    <svg class="admin-lines-to" aria-hidden="true"><defs><marker id="arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" /></marker></defs>
      ${lines.map((one) => html`<path key=${one} d=${one} marker-end="url(#arrow)" />`)}</svg>
    ${branchesOf(body).map(([branch, steps]) => html`<section key=${branch} class="admin-branch" data-branch=${branch} aria-label=${branch || t('admin.flow.start')}
        onDragOver=${(event) => held && event.preventDefault()} onDrop=${drop(branch, steps.length)}>
      <header><h3>${branch === MAIN ? html`<${Icon} name="phone-in" size=${18} /> ${t('admin.flow.start')}` : html`<${BranchName} name=${branch} edits=${edits} onRename=${(to) => edit(renamed(body, branch, to))} known=${Object.keys(body.branches)} />`}</h3>
        ${branch !== MAIN && edits && html`<${Button} kind="quiet" small icon="trash" label=${t('admin.remove.one', { name: branch })} onClick=${() => removeBranch(branch)} />`}</header>
      <ol>${steps.map((step, index) => html`<${Block} key=${`${branch}/${index}`} step=${step} site=${{ ...site, branches: Object.keys(body.branches || {}) }} edits=${edits}
        open=${open === `${branch}/${index}`} onOpen=${() => unfold(open === `${branch}/${index}` ? '' : `${branch}/${index}`)}
        onChange=${(made, wish) => {
          const grown = wish ? grow('', withSteps(body, branch, steps))[1] : body;
          edit(withSteps(grown, branch, steps.map((one, at) => (at === index ? made : one))));
        }}
        newBranch=${() => grow('')[0]}
        onRemove=${() => { edit(withSteps(body, branch, steps.filter((_, at) => at !== index))); unfold(''); }}
        onMove=${(by) => { edit(moved(body, { branch, index }, { branch, index: by < 0 ? index - 1 : index + 2 })); unfold(''); }} first=${!index} last=${index === steps.length - 1}
        errors=${errors.filter((one) => one.key.startsWith(at(branch, index))).map((one) => ({ ...one, key: one.key.slice(at(branch, index).length).replace(/^\./, '') }))}
        onHold=${() => hold({ branch, index })} onDrop=${drop(branch, index)} />`)}</ol>
      ${!steps.length && html`<p class="soft">${t(branch === MAIN ? 'admin.flow.empty' : 'admin.branch.empty')}</p>`}
      ${edits && branch === MAIN && !steps.length && !Object.keys(body.branches || {}).length && html`<${Ready} site=${site} onTake=${() => edit({ ...body, ...hotline(site.schema, site) })} />`}
      ${edits && html`<${Palette} site=${site} onAdd=${(kind) => add(branch, kind)} />`}</section>`)}
    ${edits && html`<${Button} icon="plus" class="admin-add-branch" onClick=${() => edit(grow('')[1])}>${t('admin.branch.add')}<//>`}</div>`;
}

const at = (branch, index) => (branch === MAIN ? `steps[${index}]` : `branches.${branch}[${index}]`);

export const stepText = (kind) => tOr(`admin.step.${kind}`, kind);

/** All of it at once, where nothing is there yet. */
function Ready({ site, onTake }) {
  const can = site.names.queue?.length > 0;
  return html`<div class="admin-ready"><${Button} kind="primary" icon="star" disabled=${!can} onClick=${onTake}>${t('admin.flow.ready')}<//>
    <small class="soft">${t(can ? 'admin.flow.ready.what' : 'admin.flow.ready.queue')} ${!can && html`<a href=${link('/admin/queue/+')}>${t('admin.new.queue')}</a>`}</small></div>`;
}

function Palette({ site, onAdd }) {
  const others = Object.keys(site.schema.steps).filter((kind) => !PALETTE.includes(kind));
  return html`<div class="admin-palette" role="group" aria-label=${t('admin.flow.add')}>${PALETTE.slice(0, 6).map((kind) => html`
      <${Button} key=${kind} small icon=${ICONS[kind]} onClick=${() => onAdd(kind)}>${stepText(kind)}<//>`)}
    <select aria-label=${t('admin.flow.other')} value="" onChange=${(event) => { onAdd(event.currentTarget.value); event.currentTarget.value = ''; }}>
      <option value="">${t('admin.flow.other')}</option>${[...PALETTE.slice(6), ...others].map((kind) => html`<option key=${kind} value=${kind}>${stepText(kind)}</option>`)}</select></div>`;
}

function BranchName({ name, onRename, known, edits }) {
  const [typed, type] = useState(name);
  const done = () => (typed && typed !== name && !known.includes(typed) && /^[^:\s]+$/.test(typed) ? onRename(typed) : type(name));
  return edits ? html`<input class="input admin-branch-name" aria-label=${t('admin.branch.name')} value=${typed} onInput=${(event) => type(event.currentTarget.value)} onChange=${done} />` : name;
}

/** The same as it stands in site.toml; what is typed becomes blocks again. */
function AsText({ name, body, onTaken, edits }) {
  const [text, write] = useState(null);
  useEffect(() => { attempt(async () => write((await api.post('/api/text', { kind: 'menu', name, body })).text)); }, []);
  const take = () => attempt(async () => {
    const found = (await api.post('/api/text/parse', { text })).objects;
    if (found.length !== 1 || found[0].kind !== 'menu') throw new Error(t('admin.flow.one', { kind: kindText('menu') }));
    onTaken(found[0].body);
  });
  if (text === null) return html`<${Card}><${Skeleton} /><//>`;
  return html`<${Card}><${Field} kind="textarea" label="site.toml" value=${text} onChange=${write} class="admin-text" readonly=${!edits} spellcheck="false" rows="18" />
    ${edits && html`<div class="row"><${Button} icon="check" onClick=${take}>${t('admin.flow.take')}<//></div>`}<//>`;
}
