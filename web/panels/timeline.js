// State timelines and status histories: a lane a series, coloured by what it was when.
import { html } from '../lib/html.js';
import { useCallback, useEffect, useMemo, useRef } from '../vendor/preact/hooks.js';
import { readableOn, TOKENS, withAlpha } from '../lib/color.js';
import { formatExact } from '../lib/dates.js';
import { formatDuration } from '../lib/time.js';
import { lanesOf, runAt, statesOf } from '../lib/timeline.js';
import { timeAxis } from './axes.js';
import * as css from './classes.js';
import { readLegend } from './legend.js';
import { timeScale } from './plot.js';
import { hideTip, SeriesTip, showTip } from './tip.js';
import { usePlot } from './useplot.js';

/** @typedef {import('../lib/timeline.js').Lane} Lane */
/** @typedef {import('../vendor/uplot/uplot.js').default} Plot */

const FONT_PX = 12;
/** Room for names, px. */
const NAMES_PX_MAX = 200;
/** States in the legend; more are no legend. */
const STATES_MAX = 30;

/** @param {import('./index.js').KindProps} props */
export function Timeline({ panel, frames, timeRange, theme, onZoom, hover, report }) {
  const options = panel?.options ?? {};
  const isHistory = panel?.type === 'status-history';
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const me = useRef({});
  const lanes = useMemo(() => lanesOf(frames, { merge: !isHistory && options.mergeValues !== false, theme }), [frames, panel, theme]);
  const live = useRef({ from: 0, to: 0, utc: false, lanes });
  live.current = { from: frames.to > frames.from ? frames.from : timeRange.from, to: frames.to > frames.from ? frames.to : timeRange.to, utc: timeRange.utc === true, lanes };
  const data = useMemo(() => /** @type {any} */ ([frames.x, frames.x.map(() => null)]), [lanes]);
  const look = { fill: Number(options.rowHeight) || 0.9, width: isHistory ? Number(options.colWidth) || 0.9 : 1, showValue: options.showValue ?? 'auto', align: options.alignValue ?? 'left', theme };
  const onPointer = useCallback((/** @type {import('./useplot.js').Pointer | null} */ pointer) => {
    const { lanes: all, utc } = live.current;
    const row = pointer ? Math.floor(all.length - pointer.value) : -1;
    const run = pointer && runAt(all[row], pointer.time);
    if (!pointer || !run || options.tooltip?.mode === 'none') return hideTip(me.current);
    const time = `${formatExact(run.from, utc)} – ${formatExact(run.to, utc).slice(11)}, ${formatDuration(run.to - run.from)}`;
    return showTip(me.current, html`<${SeriesTip} time=${time} rows=${[{ color: run.color, name: all[row].name, value: run.text, near: true }]} />`, pointer);
  }, [panel]);
  const onDraw = useCallback((/** @type {Plot} */ u) => report({ series: live.current.lanes.length, points: live.current.lanes.reduce((sum, lane) => sum + lane.runs.length, 0), cells: drawLanes(u, live.current.lanes, look) }), [panel, theme, report]);
  usePlot({ host, data, hover, onZoom, onPointer, onDraw, shape: JSON.stringify([theme, lanes.map((lane) => lane.name), look]), options: () => laneOptions(live, theme) });
  useEffect(() => () => hideTip(me.current), []);
  const states = statesOf(lanes);
  const legend = readLegend(panel);
  return html`<div class="${css.CHART} ${legend.place === 'right' ? css.CHART_RIGHT : ''}">
    <div class=${css.PLOT} ref=${host} role="img" aria-label=${`${panel.title || 'timeline'}: ${lanes.map((lane) => `${lane.name} ${lane.runs[lane.runs.length - 1]?.text ?? 'unknown'}`).slice(0, 8).join(', ')}`} />
    ${legend.shown && html`<div class=${css.LEGEND}><div class=${css.LEGEND_LIST}>${states.slice(0, STATES_MAX).map(({ text, color }) => html`<span key=${`${text}${color}`} class=${css.LEGEND_ITEM}>
      <i class=${css.LEGEND_MARK} style=${{ background: color }} /><span class=${css.LEGEND_NAME}>${text}</span></span>`)}${states.length > STATES_MAX && html`<span class=${css.LEGEND_MORE}>${states.length - STATES_MAX} more</span>`}</div></div>`}</div>`;
}

/** @param {{current: {from: number, to: number, utc: boolean, lanes: Lane[]}}} live @param {import('../lib/color.js').Theme} theme @returns {Partial<import('../vendor/uplot/uplot.js').default.Options>} */
function laneOptions(live, theme) {
  const { lanes } = live.current;
  const widest = Math.max(0, ...lanes.map((lane) => lane.name.length));
  const size = Math.min(NAMES_PX_MAX, Math.max(40, widest * 7 + 16));
  const letters = Math.floor((size - 14) / 6.6);
  return {
    series: [{}, { scale: 'y', paths: () => null, points: { show: false } }],
    scales: { x: timeScale(/** @type {any} */ (live)), y: { range: () => [0, Math.max(1, lanes.length)] } },
    axes: [
      timeAxis(theme, live),
      {
        scale: 'y', stroke: TOKENS[theme].muted, font: `${FONT_PX}px system-ui, sans-serif`, gap: 8, size, ticks: { show: false }, grid: { show: false }, border: { show: false },
        splits: () => lanes.map((_, i) => i + 0.5),
        // The first lane is on top.
        values: (_u, splits) => splits.map((at) => cut(lanes[lanes.length - 1 - Math.floor(at)]?.name ?? '', letters)),
      },
    ],
    cursor: { points: { show: false } },
  };
}

/** @param {string} text @param {number} letters */
const cut = (text, letters) => (text.length > letters ? `${text.slice(0, Math.max(1, letters - 1))}…` : text);

/** @typedef {{fill: number, width: number, showValue: string, align: string, theme: import('../lib/color.js').Theme}} Look */

/** @param {Plot} u @param {Lane[]} lanes @param {Look} look @returns {number} how many runs were painted */
function drawLanes(u, lanes, look) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const height = bbox.height / Math.max(1, lanes.length);
  let painted = 0;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${FONT_PX * ratio}px system-ui, sans-serif`;
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left';
  lanes.forEach((lane, row) => {
    const tall = height * look.fill;
    const top = bbox.top + row * height + (height - tall) / 2;
    for (const run of lane.runs) {
      const [from, to] = [u.valToPos(run.from, 'x', true), u.valToPos(run.to, 'x', true)];
      if (to < bbox.left || from > bbox.left + bbox.width) continue;
      const wide = Math.max(1, (to - from) * look.width - (look.width < 1 ? 0 : ratio));
      const left = from + ((to - from) * (1 - look.width)) / 2;
      painted += 1;
      ctx.fillStyle = withAlpha(run.color, 0.85);
      ctx.fillRect(left, top, wide, tall);
      if (look.showValue !== 'never') drawWord(ctx, run, { left: Math.max(left, bbox.left), right: Math.min(left + wide, bbox.left + bbox.width), middle: top + tall / 2, tall }, look, ratio);
    }
  });
  ctx.restore();
  return painted;
}

/** A word that does not fit is left out. @param {CanvasRenderingContext2D} ctx @param {import('../lib/timeline.js').Run} run @param {{left: number, right: number, middle: number, tall: number}} box @param {Look} look @param {number} ratio */
function drawWord(ctx, run, { left, right, middle, tall }, { align, showValue }, ratio) {
  const room = right - left - 8 * ratio;
  const width = ctx.measureText(run.text).width;
  if (showValue !== 'always' && (width > room || tall < FONT_PX * ratio)) return;
  const at = align === 'center' ? left + (right - left - width) / 2 : align === 'right' ? right - width - 4 * ratio : left + 4 * ratio;
  ctx.fillStyle = readableOn(run.color);
  ctx.fillText(run.text, at, middle);
}
