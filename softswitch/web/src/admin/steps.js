// What a flow is made of, as data: steps in branches, and what leads where.

export const MAIN = ''; // the branch where callers come in
export const PALETTE = ['play', 'choice', 'hours', 'queue', 'dial', 'goto', 'say', 'collect', 'if', 'callback', 'survey'];
export const ICONS = {
  play: 'volume', say: 'megaphone', choice: 'keypad', hours: 'clock', goto: 'right', if: 'filter', switch: 'filter', queue: 'queue', dial: 'phone', collect: 'keypad',
  identify: 'card', callback: 'callback', survey: 'star', record: 'record', hangup: 'phone-off', language: 'language', caller: 'user', http: 'link', sms: 'megaphone', email: 'archive',
  set: 'edit', call: 'swap',
};
// Fields of a step that are shown at first.
export const USUAL = {
  play: ['play'], choice: ['prompt', 'choice', 'otherwise'], hours: ['hours', 'closed'], queue: ['queue'], dial: ['dial', 'timeout', 'otherwise'], goto: ['goto'],
  say: ['say', 'value'], collect: ['collect', 'prompt', 'max'], if: ['if', 'then', 'else'], callback: ['callback'], survey: ['survey', 'prompt'],
};

export const kindOf = (step, schema) => Object.keys(schema.steps).find((one) => one in step);

export const branchesOf = (body) => [[MAIN, body.steps || []], ...Object.entries(body.branches || {})];

export const stepsOf = (body, branch) => (branch === MAIN ? body.steps || [] : body.branches[branch]);

export function withSteps(body, branch, steps) {
  return branch === MAIN ? { ...body, steps } : { ...body, branches: { ...body.branches, [branch]: steps } };
}

/** Take a step out of its place and put it into another. */
export function moved(body, from, to) {
  const step = stepsOf(body, from.branch)[from.index];
  const without = withSteps(body, from.branch, stepsOf(body, from.branch).filter((_, at) => at !== from.index));
  const index = from.branch === to.branch && from.index < to.index ? to.index - 1 : to.index;
  const steps = [...stepsOf(without, to.branch)];
  steps.splice(index, 0, step);
  return withSteps(without, to.branch, steps);
}

export function freshBranch(body, wish) {
  const known = Object.keys(body.branches || {});
  if (wish && !known.includes(wish)) return wish;
  let number = 1;
  while (known.includes(`${wish || 'branch'}-${number}`)) number += 1;
  return `${wish || 'branch'}-${number}`;
}

/** Every place in a value that is this destination becomes another one. */
function led(value, from, to) {
  if (value === from) return to;
  if (Array.isArray(value)) return value.map((one) => led(one, from, to));
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, led(one, from, to)]));
  return value;
}

export function renamed(body, from, to) {
  const branches = Object.fromEntries(Object.entries(body.branches).map(([name, steps]) => [name === from ? to : name, steps]));
  return led({ ...body, branches }, `branch:${from}`, `branch:${to}`);
}

export function withoutBranch(body, name) {
  const { [name]: _, ...branches } = body.branches;
  const { branches: __, ...rest } = body;
  return Object.keys(branches).length ? { ...rest, branches } : rest;
}

/** Where a step leads: [[label, destination]]. */
export function ways(step, kind, schema) {
  const found = [];
  for (const field of schema.steps[kind].fields) {
    const value = step[field.name];
    if (field.refers === 'destination' && value) {
      if (field.type === 'map') for (const [key, one] of Object.entries(value)) found.push([key, one]);
      else found.push([field.name, value]);
    }
  }
  if (kind === 'queue' && step.queue) found.push(['', `queue:${step.queue}`]);
  return found;
}

/** A step of a kind with what is most probably meant. */
export function newStep(kind, schema, site, onBranch) {
  const first = (of) => site.names[of]?.[0]?.name || '';
  const clip = (name) => known(site, name);
  switch (kind) {
    case 'play': return { play: clip('welcome') };
    case 'choice': return { choice: { 1: first('queue') ? `queue:${first('queue')}` : 'hangup' }, prompt: clip('menu-main'), ...(first('queue') ? { otherwise: `queue:${first('queue')}` } : {}) };
    case 'hours': return { hours: first('hours'), closed: `branch:${onBranch('closed')}` };
    case 'queue': return { queue: first('queue') };
    case 'goto': return { goto: first('queue') ? `queue:${first('queue')}` : 'hangup' };
    case 'dial': return { dial: first('account') ? `extension:${first('account')}` : '' };
    case 'callback': return { callback: first('queue') };
    case 'say': return { say: 'time' };
    default: return Object.fromEntries(schema.steps[kind].fields.filter((one) => one.required).map((one) => [one.name, one.default ?? (one.type === 'map' ? {} : one.type === 'list' ? [] : '')]));
  }
}

const known = (site, clip) => (site.clips.includes(clip) ? [clip] : []);

/** What is said when it is closed. */
export const closedSteps = (site) => [{ play: known(site, 'closed') }, { goto: 'hangup' }];

/** The hotline that most begin with: opening hours where there are some, a greeting, 1 for the first queue. */
export function hotline(schema, site) {
  const make = (kind) => newStep(kind, schema, site, () => 'closed');
  if (!site.names.hours?.length) return { steps: [make('play'), make('choice')] };
  return { steps: [make('hours'), make('play'), make('choice')], branches: { closed: closedSteps(site) } };
}
