// Charts by uPlot, loaded when one is shown first, in the colours of the theme.
import { html, useEffect, useRef } from '../core/html.js';
import { colour, onTheme } from '../core/theme.js';

// Categories from one label to the next: days of quarters of an hour, of hours, weeks of days.
const STEPS = [1, 2, 3, 4, 6, 7, 8, 12, 14, 24, 28, 48, 96, 168, 192, 336, 672, 1344, 2688, 5376];

/**
 * data: as uPlot takes it, [[x...], [y...], ...]; series: [{ label, colour: '--accent', fill, bars, dash: [on, off], value(y) }] for each row of y
 * time: whether x is Unix seconds; x: [text for each x] for categories; axis: what x is; height: pixels; label: what it shows, for who does not see it; steps: from one line of y to the next
 */
export function Chart({ data, series, time = true, x, axis, height = 220, label, unit = (value) => value, steps }) {
  const frame = useRef();
  useEffect(() => {
    const box = frame.current;
    if (!box) return undefined; // Gone before it was shown.
    let plot = null;
    let over = false;
    let redraw = null;
    const sized = new ResizeObserver(([entry]) => plot && plot.setSize({ width: Math.max(160, entry.contentRect.width), height }));
    import('./uplot.js').then(({ uPlot }) => {
      if (over) return;
      const longest = Math.max(0, ...(x || []).map((text) => text.length)); // characters: labels do not run into each other
      const draw = () => {
        plot?.destroy();
        if (over) return;
        const line = { stroke: colour('--text-soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui' };
        plot = new uPlot({
          width: Math.max(160, box.clientWidth), height,
          legend: { live: true }, cursor: { y: false },
          scales: { x: { time, ...(x ? { range: [-0.5, x.length - 0.5] } : {}) }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
          axes: [{ ...line, grid: { show: false }, ...(x ? { values: (_, splits) => splits.map((at) => x[at] ?? ''), incrs: STEPS, space: 24 + 7 * longest } : {}) },
            { ...line, size: 56, ...(steps && { incrs: steps }), values: (_, splits) => splits.map(unit) }],
          series: [{ ...(axis && { label: axis }), ...(x && { value: (_, at) => x[at] ?? '' }) }, ...series.map((one) => ({
            label: one.label, stroke: colour(one.colour), width: 2, dash: one.dash, points: { show: false },
            fill: one.fill || one.bars ? `${colour(one.colour)}${one.bars ? 'cc' : '22'}` : undefined,
            paths: one.bars ? uPlot.paths.bars({ size: [0.7, 60], radius: 0.2 }) : undefined,
            value: (_, y) => (y == null ? '–' : (one.value || unit)(y)),
          }))],
        }, data, box);
      };
      draw();
      redraw = onTheme(draw);
      sized.observe(box);
    });
    return () => {
      over = true;
      redraw?.();
      sized.disconnect();
      plot?.destroy();
    };
  }, [data, height]);
  return html`<div class="chart" ref=${frame} role="img" aria-label=${label}></div>`;
}
