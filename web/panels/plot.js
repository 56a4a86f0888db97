// Options for uPlot out of a plot model: paths, fills, points, scales. The live object lets ranges follow a refresh without building anew.
import uPlot from '../vendor/uplot/uplot.js';
import { continuousColor, resolveColor, TOKENS, toRgb, withAlpha } from '../lib/color.js';
import { fieldExtent } from '../lib/display.js';
import { absoluteSteps } from '../lib/thresholds.js';
import { timeAxis, valueAxis, valueRange } from './axes.js';
import { isolatedPoints } from './model.js';
import { stackLines } from './stacklines.js';
import { thresholdHooks } from './thresholdlines.js';

/** @typedef {import('./model.js').PlotModel} PlotModel */
/** @typedef {import('./model.js').PlotSeries} PlotSeries */
/** @typedef {import('../lib/color.js').Theme} Theme */

/**
 * @typedef {object} Live
 * @property {number} from
 * @property {number} to
 * @property {boolean} utc
 * @property {PlotModel} model
 */

/** Opacity of the other series while one is pointed at. */
const DIMMED = 0.2;
/** A bar may not be wider than this, px. */
const BAR_WIDTH_MAX = 60;

/**
 * @param {{current: Live}} live
 * @param {Theme} theme
 * @returns {Pick<uPlot.Options, 'series' | 'scales' | 'axes' | 'bands' | 'hooks' | 'cursor'>}
 */
export function plotOptions(live, theme) {
  const { model } = live.current;
  return {
    series: [{}, ...model.series.map(seriesOptions), ...model.bases.map(baseOptions)],
    bands: bandsOf(model),
    scales: { x: timeScale(live), ...Object.fromEntries(model.scales.map((scale) => [scale.key, valueScale(scale)])) },
    axes: axesOf(model, theme, live),
    hooks: hooksOf(model, theme),
    cursor: { points: pointerMarks(model.series.length) },
  };
}

/** Lines of stacks come before those of thresholds, which are drawn over all. @param {PlotModel} model @param {Theme} theme @returns {uPlot.Hooks.Arrays} */
function hooksOf(model, theme) {
  const hooks = thresholdHooks(model, theme);
  return { ...hooks, draw: [...stackLines(model), ...(hooks.draw ?? [])] };
}

/** The pointer marks series, not grounds of stacks. @param {number} count @returns {uPlot.Cursor.Points} */
function pointerMarks(count) {
  const size = (/** @type {number} */ px) => (/** @type {uPlot} */ _u, /** @type {number} */ i) => (i > count ? 0 : px);
  return { size: size(7), width: size(1.5) };
}

/** Exactly the queried range. @param {{current: {from: number, to: number}}} live @returns {uPlot.Scale} */
export function timeScale(live) {
  return {
    time: true,
    range: () => {
      const { from, to } = live.current;
      return to > from ? [from, to] : [from - 30_000, from + 30_000];
    },
  };
}

/** @param {import('./model.js').PlotScale} scale @returns {uPlot.Scale} */
function valueScale(scale) {
  return {
    range: (_u, low, high) => valueRange(scale, low, high),
    ...(scale.log > 0 ? { distr: 3, log: /** @type {2 | 10} */ (scale.log) } : {}),
    ...(scale.log < 0 ? { distr: 4, asinh: 1 } : {}),
  };
}

/** @param {PlotModel} model @param {Theme} theme @param {{current: Live}} live @returns {uPlot.Axis[]} */
function axesOf(model, theme, live) {
  const shown = model.scales.filter((scale) => scale.side !== 'hidden');
  return [
    timeAxis(theme, live),
    ...shown.map((scale, i) =>
      valueAxis(scale, theme, model.series.find((series) => series.scale === scale.key)?.color ?? TOKENS[theme].muted, i === 0),
    ),
  ];
}

/** @param {PlotSeries} series @returns {uPlot.Series} */
function seriesOptions(series) {
  const isBand = series.below >= 0 || series.fillTo >= 0;
  return {
    scale: series.scale,
    label: series.name,
    show: !series.hidden,
    stroke: strokeOf(series),
    width: series.style === 'points' ? 0 : series.width,
    dash: series.dash,
    alpha: 1,
    cap: series.dash[0] === 0 ? 'round' : 'butt',
    fill: series.fill > 0 && series.style !== 'points' && (!isBand || series.style === 'bars') ? fillOf(series) : undefined,
    paths: pathsOf(series),
    points: pointsOf(series),
    spanGaps: false,
  };
}

/** A ground that only bounds the fill above it. @param {PlotModel['bases'][number]} base @returns {uPlot.Series} */
function baseOptions({ scale, style, curve }) {
  return { scale, width: 0, stroke: 'transparent', paths: pathsOf({ style, curve }), points: { show: false } };
}

/** @param {PlotSeries} series @returns {uPlot.Series.Stroke} */
function strokeOf(series) {
  return series.gradient === 'scheme' ? (u) => schemeGradient(u, series, 1) ?? series.color : series.color;
}

/** @param {PlotSeries} series @returns {uPlot.Series.Fill} */
function fillOf(series) {
  if (series.gradient === 'scheme') return (u) => schemeGradient(u, series, series.fill) ?? withAlpha(series.color, series.fill);
  if (series.gradient === 'none' || series.style === 'bars') return withAlpha(series.color, series.fill);
  return (u) => {
    const { top, height } = u.bbox;
    if (!(height > 0)) return withAlpha(series.color, series.fill);
    const gradient = u.ctx.createLinearGradient(0, top, 0, top + height);
    gradient.addColorStop(0, withAlpha(series.color, series.fill));
    // By opacity the colour fades; by hue it stays and darkens.
    gradient.addColorStop(1, series.gradient === 'hue' ? withAlpha(darker(series.color), series.fill) : withAlpha(series.color, 0));
    return gradient;
  };
}

/** @param {string} color */
function darker(color) {
  return `rgb(${toRgb(color).map((part) => Math.round(part * 0.55)).join(',')})`;
}

/** The colour of each height by the field's thresholds or scale: steps stay sharp, scales run into each other. @param {uPlot} u @param {PlotSeries} series @param {number} alpha */
function schemeGradient(u, { field, scale, all, theme }, alpha) {
  const { min, max } = u.scales[scale];
  const { top, height } = u.bbox;
  if (min === undefined || max === undefined || min === null || max === null || !(max > min) || !(height > 0)) return null;
  const extent = fieldExtent(field, all);
  const gradient = u.ctx.createLinearGradient(0, top + height, 0, top);
  const at = (/** @type {number} */ value) => Math.min(1, Math.max(0, 1 - (u.valToPos(value, scale, true) - top) / height));
  const { mode } = field.config.color;
  if (mode === 'thresholds') {
    const steps = absoluteSteps(field.config.thresholds, extent.min, extent.max);
    steps.forEach((step, i) => {
      const color = withAlpha(resolveColor(step.color, theme), alpha);
      gradient.addColorStop(Number.isFinite(step.value) ? at(step.value) : 0, color);
      gradient.addColorStop(steps[i + 1] ? at(steps[i + 1].value) : 1, color);
    });
    return gradient;
  }
  if (continuousColor(mode, 0, theme) === null) return null;
  for (const share of [0, 0.25, 0.5, 0.75, 1]) gradient.addColorStop(at(extent.min + share * (extent.max - extent.min)), withAlpha(continuousColor(mode, share, theme) ?? '', alpha));
  return gradient;
}

/** @param {{style: string, curve: string, bar?: PlotSeries['bar']}} series @returns {uPlot.Series.PathBuilder | undefined} */
function pathsOf(series) {
  if (series.style === 'points') return () => null;
  if (series.style === 'bars') return uPlot.paths.bars?.({ size: [series.bar?.share ?? 0.6, BAR_WIDTH_MAX], align: series.bar?.align ?? 0 });
  if (series.curve === 'smooth') return uPlot.paths.spline?.();
  if (series.curve === 'stepAfter') return uPlot.paths.stepped?.({ align: 1 });
  if (series.curve === 'stepBefore') return uPlot.paths.stepped?.({ align: -1 });
  return uPlot.paths.linear?.();
}

/** @param {PlotSeries} series @returns {uPlot.Series.Points} */
function pointsOf(series) {
  if (series.style === 'bars') return { show: false };
  const size = Math.max(series.pointSize, series.width + 2);
  return {
    size,
    width: 1,
    stroke: series.color,
    fill: series.color,
    show: (u, _i, first, last) => {
      if (series.points !== 'auto') return series.points === 'always';
      // Twice the size apart at least, else a line of dots hides the line.
      return (last - first + 1) * size * 4 <= u.bbox.width / devicePixelRatio;
    },
    filter: (u, i, show) => {
      if (show) return null;
      const [first, last] = u.series[i].idxs ?? [0, -1];
      const found = isolatedPoints(/** @type {any} */ (u.data[i]), first, last);
      return found.length > 0 ? found : null;
    },
  };
}

/** Fills between two lines: stacks, and "fill below to". @param {PlotModel} model @returns {uPlot.Band[]} */
function bandsOf(model) {
  /** @type {uPlot.Band[]} */
  const bands = [];
  model.series.forEach((series, i) => {
    const to = series.below >= 0 ? series.below : series.fillTo;
    if (to < 0 || series.hidden || model.series[to]?.hidden || series.style === 'points') return;
    const fill = withAlpha(series.color, series.fill > 0 ? series.fill : series.below >= 0 ? 0 : 0.15);
    bands.push({ series: [i + 1, to + 1], fill, dir: isBelowGround(series) ? 1 : -1 });
  });
  return bands;
}

/** @param {PlotSeries} series */
function isBelowGround(series) {
  return series.below >= 0 && series.drawn.some((value) => typeof value === 'number' && value < 0);
}

export { DIMMED };

/**
 * What tells one build from another: when this text stays the same, new data can be set without building the plot again.
 * @param {PlotModel} model
 * @param {Theme} theme
 * @returns {string}
 */
export function plotShape(model, theme) {
  return JSON.stringify([
    theme,
    model.scales.map(({ field, ...rest }) => [rest, field.config.unit, field.config.min, field.config.max, field.config.decimals]),
    model.series.map(({ drawn, field, all, ...rest }) => rest),
    model.bases.map(({ values, ...rest }) => rest),
  ]);
}
