// Runs in a page before its own scripts: when was an event made, when was it here, and when did the page show it?
// What is looked at is what a person reads: the word for what an agent does, the number of callers who wait.
(() => {
  const TOO_LATE = 5_000; // ms
  const words = WORDS, me = ME; // filled in by pages.py
  const now = () => performance.timeOrigin + performance.now();
  let found;
  const agents = new Map(), waiting = new Map(), pending = new Map();
  const channel = new MessageChannel();
  let framed = false, last = 0;

  window.measure = () => {
    const before = found;
    found = { arrived: [], drawn: [], never: [], blocked: [], requests: {}, began: now() };
    if (before) before.seconds = (found.began - before.began) / 1000;
    return before;
  };
  window.measure();

  function read(kind, name) {
    if (kind === 'row') return document.querySelector(`tr[data-key="${CSS.escape(name)}"] .badge`)?.innerText.trim();
    if (kind === 'me') return document.querySelector('.panel-state strong')?.innerText;
    const card = document.querySelector(`.supervisor-queue[aria-label="${CSS.escape(name)}"] .supervisor-figure b`);
    if (card) return card.innerText;
    return [...document.querySelectorAll('.panel-board li')].find((one) => one.querySelector('strong').innerText === name)?.querySelector('.panel-waiting').innerText;
  }

  function expect(kind, name, text, made) {
    if (read(kind, name) === undefined) return; // not on this page, or not on this part of it
    const known = pending.get(kind + name) || { kind, name, made: [] };
    known.text = text;
    known.made.push(made);
    pending.set(kind + name, known);
    if (!framed) { framed = true; requestAnimationFrame(() => channel.port1.postMessage(0)); }
  }

  channel.port2.onmessage = () => { // after the frame
    framed = false;
    const at = now();
    for (const [key, one] of pending) {
      const shown = read(one.kind, one.name);
      const late = at - one.made[0] > TOO_LATE;
      if (shown === undefined) pending.delete(key);
      else if (shown === one.text || late) {
        pending.delete(key);
        if (late) found.never.push([key, shown, one.text]);
        for (const made of one.made) found.drawn.push(at - made);
      }
    }
    if (pending.size) { framed = true; requestAnimationFrame(() => channel.port1.postMessage(0)); }
  };

  const doing = (one) => {
    if (one.presence === 'offline') return words['presence.offline'];
    if (one.activity !== 'idle') return words[`activity.${one.activity}`];
    return one.presence === 'not_ready' && one.reason ? words[`reason.${one.reason}`] : words[`presence.${one.presence}`];
  };

  function note(line) {
    if (!line.seq) return;
    last = line.seq;
    const made = Date.parse(line.time);
    found.arrived.push(now() - made);
    if (line.event === 'agent.activity' || (line.event === 'agent.presence' && !line.queue)) {
      const one = agents.get(line.agent) || { presence: 'ready', activity: 'idle', reason: '' };
      if (line.event === 'agent.activity') one.activity = line.activity;
      else Object.assign(one, { presence: line.presence, reason: line.reason });
      agents.set(line.agent, one);
      expect('row', line.agent, doing(one), made);
      if (line.agent === me) expect('me', me, doing(one), made);
    }
    if ((line.event === 'queue.entered' && !line.kind) || line.event === 'queue.left') {
      const callers = waiting.get(line.queue) || new Set();
      waiting.set(line.queue, callers);
      callers[line.event === 'queue.left' ? 'delete' : 'add'](line.caller);
      expect('queue', line.queue, String(callers.size), made);
    }
  }

  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given);
      if (String(given[0]).includes('/api/events')) this.addEventListener('message', ({ data }) => note(JSON.parse(data)));
    }
  };
  new PerformanceObserver((list) => { for (const one of list.getEntries()) found.blocked.push(one.duration); }).observe({ entryTypes: ['longtask'] });
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) {
      if (one.initiatorType !== 'fetch') continue;
      const { pathname, searchParams } = new URL(one.name);
      const asked = searchParams.has('after') && last - searchParams.get('after') < 60 ? `${pathname}?after=last` : searchParams.has('after') ? `${pathname}?after=1` : searchParams.has('age') ? `${pathname}?age=${searchParams.get('age')}` : pathname;
      found.requests[asked] = (found.requests[asked] || 0) + 1;
    }
  }).observe({ entryTypes: ['resource'] });
})();
