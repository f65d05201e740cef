// A recording: both sides as a waveform, the agent above, the caller below; heard, and gone through by mouse or keys.
import { html, useCallback, useEffect, useRef, useState } from '../core/html.js';
import { api, path } from '../core/api.js';
import { duration, t } from '../core/i18n.js';
import { colour, onTheme } from '../core/theme.js';
import { Button } from '../ui/index.js';

const SPEEDS = [1, 1.25, 1.5, 2];
const STEP = 5; // seconds of an arrow key
const SLICES = 1000;

export function Player({ source, peaks: where, seconds, sides, onEnd }) {
  const audio = useRef();
  const canvas = useRef();
  const [peaks, setPeaks] = useState(null);
  const [state, set] = useState({ playing: false, at: 0, length: seconds || 0, failed: false });
  const [speed, setSpeed] = useState(1);
  const merge = (change) => set((old) => ({ ...old, ...change }));

  useEffect(() => {
    let here = true;
    if (!where) return undefined;
    api.get(path(where, {}, { slices: SLICES })).then((found) => here && setPeaks(found), () => here && setPeaks({ sides: [] }));
    return () => { here = false; };
  }, [where]);

  const draw = useCallback(() => drawPeaks(canvas.current, peaks?.sides || [], state.length ? state.at / state.length : 0), [peaks, state.at, state.length]);
  useEffect(draw, [draw]);
  useEffect(() => {
    const sized = new ResizeObserver(draw);
    if (canvas.current) sized.observe(canvas.current);
    const forget = onTheme(draw);
    return () => { sized.disconnect(); forget(); };
  }, [draw]);

  const seek = (at) => {
    const target = Math.min(Math.max(at, 0), state.length || 0);
    audio.current.currentTime = target;
    merge({ at: target });
  };
  const toggle = () => (audio.current.paused ? audio.current.play().catch(() => merge({ failed: true })) : audio.current.pause());
  const press = (event) => {
    const steps = { ArrowRight: STEP, ArrowLeft: -STEP, PageDown: 30, PageUp: -30 };
    if (event.key in steps) seek(state.at + steps[event.key]);
    else if (event.key === 'Home') seek(0);
    else if (event.key === 'End') seek(state.length);
    else if (event.key === ' ' || event.key === 'Enter') toggle();
    else return;
    event.preventDefault();
  };
  const point = (event) => {
    if (event.type === 'pointermove' && !(event.buttons & 1)) return;
    const box = event.currentTarget.getBoundingClientRect();
    if (event.type === 'pointerdown') event.currentTarget.setPointerCapture(event.pointerId);
    seek(((event.clientX - box.left) / box.width) * state.length);
  };
  const faster = () => {
    const next = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length];
    audio.current.playbackRate = next;
    setSpeed(next);
  };
  return html`<div class="records-player">
    <audio ref=${audio} src=${source} preload="metadata"
      onLoadedMetadata=${(event) => Number.isFinite(event.currentTarget.duration) && merge({ length: event.currentTarget.duration })}
      onTimeUpdate=${(event) => merge({ at: event.currentTarget.currentTime })}
      onPlay=${() => merge({ playing: true })} onPause=${() => merge({ playing: false })}
      onEnded=${() => { merge({ playing: false }); onEnd?.(); }} onError=${() => merge({ failed: true, playing: false })} />
    ${where && html`<div class="records-wave">
      ${sides && html`<div class="records-sides"><span class="state-talk">${sides[0]}</span><span class="state-wrap">${sides[1]}</span></div>`}
      <canvas ref=${canvas} role="slider" tabindex="0" aria-label=${t('records.position')} aria-valuemin="0" aria-valuemax=${Math.round(state.length)}
        aria-valuenow=${Math.round(state.at)} aria-valuetext=${`${duration(state.at)} / ${duration(state.length)}`} data-drawn=${peaks ? 'true' : 'false'}
        onKeyDown=${press} onPointerDown=${point} onPointerMove=${point} /></div>`}
    <div class="row records-controls">
      <${Button} kind="primary" icon=${state.playing ? 'pause' : 'play'} label=${t(state.playing ? 'records.pause' : 'records.play')} onClick=${() => { toggle(); }} />
      <span class="mono records-time">${duration(state.at)} <span class="soft">/ ${duration(state.length)}</span></span>
      <${Button} small kind="quiet" label=${t('records.speed')} onClick=${faster}>${`${speed}×`}<//>
      ${!where && html`<input class="grow records-range" type="range" min="0" max=${state.length || 0} step="0.1" value=${state.at} aria-label=${t('records.position')} onInput=${(event) => seek(Number(event.currentTarget.value))} />`}
      ${state.failed && html`<span class="state-alarm records-failed">${t('records.unplayable')}</span>`}
    </div></div>`;
}

/** Bars of both sides, one up and one down; what was heard in the colour of its side. */
function drawPeaks(element, sides, heard) {
  if (!element) return;
  const { width, height } = element.getBoundingClientRect();
  const scale = window.devicePixelRatio || 1;
  if (!width) return;
  element.width = Math.round(width * scale);
  element.height = Math.round(height * scale);
  const context = element.getContext('2d');
  context.scale(scale, scale);
  const middle = height / 2;
  const quiet = colour('--line-strong');
  const tones = [colour('--talk'), colour('--wrap')];
  const count = Math.max(1, Math.floor(width / 3));
  for (let bar = 0; bar < count; bar++) {
    for (let side = 0; side < 2; side++) {
      const values = sides[side] || (sides.length === 1 ? sides[0] : []);
      const from = Math.floor((bar * values.length) / count);
      const to = Math.max(from + 1, Math.floor(((bar + 1) * values.length) / count));
      let loud = 0;
      for (let i = from; i < to && i < values.length; i++) loud = Math.max(loud, values[i]);
      const tall = Math.max(1, Math.sqrt(loud) * (middle - 4)); // quiet speech is to be seen, too
      context.fillStyle = bar / count < heard ? tones[side] : quiet;
      context.globalAlpha = bar / count < heard ? 1 : 0.75;
      context.fillRect(bar * 3, side ? middle + 1 : middle - 1 - tall, 2, tall);
    }
  }
  context.globalAlpha = 1;
  context.fillStyle = colour('--accent');
  context.fillRect(Math.min(width - 2, heard * width), 0, 2, height);
}
