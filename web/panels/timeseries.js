// A time series panel: plot, legend, tooltip. What is drawn is also counted on the panel's root, so that a test can see it.
import { html } from '../lib/html.js';
import { useCallback, useEffect, useMemo, useRef, useState } from '../vendor/preact/hooks.js';
import { resolveColor } from '../lib/color.js';
import { formatExact } from '../lib/dates.js';
import { formatValue } from '../lib/units.js';
import * as css from './classes.js';
import { isolate, Legend, readLegend, toggle } from './legend.js';
import { plotModel } from './model.js';
import { DIMMED, plotOptions, plotShape } from './plot.js';
import { drawMarks, marksAt } from './marks.js';
import { resolveLinks } from '../lib/links.js';
import { followTip, hideTip, pinLinks, SeriesTip, showTip, unfollowTip } from './tip.js';
import { usePlot } from './useplot.js';

/** @typedef {import('../lib/frames.js').Frames} Frames */
/** @typedef {import('./model.js').PlotModel} PlotModel */
/** @typedef {import('./model.js').PlotSeries} PlotSeries */
/** @typedef {import('./useplot.js').Pointer} Pointer */
/** @typedef {import('../vendor/uplot/uplot.js').default} Plot */

/** @type {import('../lib/annotations.js').Mark[]} */
const NO_MARKS = [];

/** @param {import('./index.js').KindProps} props */
export function TimeSeries({ panel, frames, timeRange, theme, onZoom, hover, sharesValues, variables, marks = NO_MARKS, report }) {
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const [hidden, setHidden] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const model = useMemo(() => plotModel(frames, hidden, theme), [frames, hidden, theme]);
  const live = useRef({ from: timeRange.from, to: timeRange.to, utc: timeRange.utc === true, model });
  live.current = { ...rangeOf(frames, timeRange), utc: timeRange.utc === true, model };
  const data = useMemo(
    () => /** @type {any} */ ([model.x, ...model.series.map((series) => series.drawn), ...model.bases.map((base) => base.values)]),
    [model, timeRange.from, timeRange.to],
  );
  const me = useRef({});
  const options = useMemo(() => readLegend(panel), [panel]);
  const now = useRef({ marks, variables, pointer: /** @type {Pointer | null} */ (null) });
  now.current = { ...now.current, marks, variables };
  const onPointer = useCallback((/** @type {Pointer | null} */ pointer) => {
    if (pointer) now.current.pointer = pointer;
    point(me.current, live.current, panel, pointer, pointer ? marksAt(plot.current, now.current.marks, pointer.time) : []);
  }, [panel]);
  const onFollow = useCallback((/** @type {Pointer | null} */ pointer) => followPoint(me.current, live.current, panel, pointer), [panel]);
  const onDraw = useCallback((/** @type {Plot} */ u) => {
    const drawn = drawMarks(u, now.current.marks, theme);
    report({ ...countDrawn(u, live.current.model.series.length), ...(drawn > 0 ? { marks: drawn } : {}) });
  }, [report, theme]);
  const plot = usePlot({
    host,
    shape: plotShape(model, theme),
    data,
    hover,
    onZoom,
    onPointer,
    onFollow: sharesValues ? onFollow : undefined,
    onDraw,
    options: () => ({ ...plotOptions(live, theme), focus: { alpha: DIMMED } }),
  });
  useEffect(() => () => {
    hideTip(me.current);
    unfollowTip(me.current);
  }, []);
  useEffect(() => plot.current?.redraw(false), [marks]);
  const onClick = () => {
    const { pointer, variables: scope } = now.current;
    if (pointer) holdLinks(me.current, live.current, pointer, scope ?? {});
  };
  const onPoint = useCallback((/** @type {string | null} */ key) => {
    const at = key === null ? null : live.current.model.series.findIndex((series) => series.key === key) + 1;
    plot.current?.setSeries(at, { focus: true });
  }, []);
  const keys = model.series.map((series) => series.key);
  const legend =
    options.shown &&
    model.series.length > 0 &&
    html`<div class=${css.LEGEND} style=${options.width ? { '--legend-width': `${options.width}px` } : {}}>
    <${Legend} series=${model.series} options=${options} onPoint=${onPoint}
      onIsolate=${(/** @type {string} */ key) => setHidden(isolate(hidden, keys, key))}
      onToggle=${(/** @type {string} */ key) => setHidden(toggle(hidden, key))} /></div>`;
  return html`<div class="${css.CHART} ${options.place === 'right' ? css.CHART_RIGHT : ''}">
    <div class=${css.PLOT} ref=${host} onClick=${onClick} role="img" aria-label=${summary(panel, model)} />${legend}</div>`;
}

/** @param {Frames} frames @param {{from: number, to: number}} timeRange */
function rangeOf(frames, timeRange) {
  return frames.to > frames.from ? { from: frames.from, to: frames.to } : { from: timeRange.from, to: timeRange.to };
}

/** Series and points that reached the canvas. @param {Plot} u @param {number} count series; the rest are grounds of stacks */
function countDrawn(u, count) {
  let series = 0;
  let points = 0;
  u.series.forEach((one, i) => {
    const [first, last] = one.idxs ?? [0, -1];
    if (i === 0 || i > count || !one.show) return;
    let own = 0;
    for (let at = first; at <= last; at++) if (typeof u.data[i][at] === 'number') own += 1;
    series += own > 0 ? 1 : 0;
    points += own;
  });
  return { series, points };
}

/** @param {any} panel @param {PlotModel} model */
function summary(panel, model) {
  const names = model.series
    .slice(0, 5)
    .map((series) => series.name)
    .join(', ');
  return `${panel.title || 'graph'}: ${model.series.length} series${names ? `, ${names}` : ''}`;
}

/** @param {object} me @param {import('./plot.js').Live} live @param {any} panel @param {Pointer | null} pointer @param {import('../lib/annotations.js').Mark[]} marks under the pointer */
function point(me, { model, utc }, panel, pointer, marks) {
  const { mode = 'multi', sort = 'desc', hideZeros = false } = panel?.options?.tooltip ?? {};
  if (!pointer || (mode === 'none' && marks.length === 0) || model.x[pointer.idx] === undefined) return hideTip(me);
  const rows = mode === 'none' ? [] : tipRows(model, pointer);
  const nearest = nearestOf(rows, pointer);
  const shown = rows.filter((row) => (mode !== 'single' || row === nearest) && !(hideZeros === true && row.value === 0 && row !== nearest));
  // Without a word in the file the largest come first: they are what one looks for.
  shown.sort((a, b) => (sort === 'asc' ? a.value - b.value : b.value - a.value));
  if (shown.length === 0 && marks.length === 0) return hideTip(me);
  const rowsOf = shown.map((row) => ({ ...tipRow(row), near: row === nearest && shown.length > 1 }));
  const notes = marks.map((mark) => ({ text: noteOf(mark), color: resolveColor(mark.color, model.series[0]?.theme ?? 'dark') }));
  const linked = (nearest?.series.field.config.links.length ?? 0) > 0;
  return showTip(me, html`<${SeriesTip} time=${formatExact(model.x[pointer.idx], utc)} rows=${rowsOf} notes=${notes} linked=${linked} />`, pointer);
}

/** Rows of a plot that the pointer is not over: enough to compare, and no more, since there are many such plots. */
const FOLLOWED_ROWS_MAX = 6;

/** @param {object} me @param {import('./plot.js').Live} live @param {any} panel @param {Pointer | null} pointer */
function followPoint(me, { model, utc }, panel, pointer) {
  const { mode = 'multi', sort = 'desc' } = panel?.options?.tooltip ?? {};
  const rows = pointer && mode !== 'none' ? tipRows(model, pointer) : [];
  if (!pointer || rows.length === 0) return unfollowTip(me);
  rows.sort((a, b) => (sort === 'asc' ? a.value - b.value : b.value - a.value));
  return followTip(me, html`<${SeriesTip} time=${formatExact(model.x[pointer.idx], utc)} rows=${rows.map(tipRow)} most=${FOLLOWED_ROWS_MAX} />`, pointer);
}

/** @param {ValueAt} row @returns {import('./tip.js').TipRow} */
function tipRow({ series, value }) {
  return { color: series.color, name: series.name, near: false, value: formatValue(value, series.field.config.unit, series.field.config.decimals) };
}

/** @param {import('../lib/annotations.js').Mark} mark */
function noteOf(mark) {
  return [mark.title, mark.text, mark.tags.join(', ')].filter(Boolean).join(': ');
}

/** A click holds the links of the series under the pointer, so that one can be followed. @param {object} me @param {import('./plot.js').Live} live @param {Pointer} pointer @param {import('../lib/interpolate.js').Variables} variables */
function holdLinks(me, { model }, pointer, variables) {
  const nearest = nearestOf(tipRows(model, pointer), pointer);
  if (!nearest) return;
  const { field, name } = nearest.series;
  const text = formatValue(nearest.value, field.config.unit, field.config.decimals);
  const links = resolveLinks(field.config.links, variables, { name, labels: field.labels, text, raw: nearest.value, time: model.x[pointer.idx] });
  pinLinks(me, `${name} ${text}`, links, pointer);
}

/** @typedef {{series: PlotSeries, value: number, drawn: number}} ValueAt */

/** Values at the pointer's time; a series with a coarser step answers with its latest point. @param {PlotModel} model @param {Pointer} pointer @returns {ValueAt[]} */
function tipRows(model, { idx }) {
  const rows = [];
  for (const series of model.series) {
    if (series.hidden || series.hideFrom.tooltip) continue;
    let at = idx;
    while (at > 0 && series.field.values[at] === undefined && model.x[idx] - model.x[at - 1] < series.field.stepMs) at -= 1;
    const value = series.field.values[at];
    if (typeof value === 'number') rows.push({ series, value, drawn: Number(series.drawn[at] ?? value) });
  }
  return rows;
}

/** @param {ValueAt[]} rows @param {Pointer} pointer */
function nearestOf(rows, pointer) {
  /** @type {ValueAt | null} */
  let best = null;
  for (const row of rows) if (best === null || Math.abs(row.drawn - pointer.value) < Math.abs(best.drawn - pointer.value)) best = row;
  return best;
}
