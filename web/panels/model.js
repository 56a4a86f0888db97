// What a time series panel will draw, as plain data: drawn columns, scales, colours, styles. No canvas here, so node can test it.
import { seriesColor } from '../lib/display.js';
import { stackColumns } from '../lib/stack.js';

/** @typedef {import('../lib/frames.js').Field} Field */
/** @typedef {import('../lib/frames.js').Frames} Frames */
/** @typedef {import('../lib/color.js').Theme} Theme */
/** @typedef {import('../lib/stack.js').Column} Column */

/**
 * @typedef {object} PlotSeries
 * @property {string} key        the same for the same series after a refresh
 * @property {string} name
 * @property {string} color
 * @property {Field} field
 * @property {Field[]} all       every field of the panel: ends that a field does not name are theirs
 * @property {Theme} theme
 * @property {string} scale      key of its y scale
 * @property {Column} drawn      after stacking and mirroring; null breaks the line
 * @property {boolean} hidden    by a click on the legend or by the panel
 * @property {number} below      index of the column it stands on, -1 for the ground; columns of series come first, then those of bases
 * @property {number} fillTo     index of the series its fill reaches to (fillBelowTo), -1 for none
 * @property {'line' | 'bars' | 'points'} style
 * @property {string} curve      lineInterpolation
 * @property {number} width
 * @property {number} fill       0…1
 * @property {string} gradient
 * @property {number[]} dash
 * @property {'auto' | 'always' | 'never'} points
 * @property {number} pointSize
 * @property {{share: number, align: -1 | 0 | 1}} bar how much of a step a bar fills, and on which side of its time it stands
 * @property {{legend?: boolean, tooltip?: boolean, viz?: boolean}} hideFrom
 *
 * @typedef {object} PlotScale
 * @property {string} key
 * @property {Field} field       the first field on it; unit and decimals come from here
 * @property {'left' | 'right' | 'hidden'} side
 * @property {number} log        0 linear, 2 or 10 logarithmic, -1 symmetric logarithmic
 * @property {boolean} percent   stacked to 100 %
 * @property {string} label
 * @property {string} thresholds off, line, area, …
 *
 * @typedef {object} PlotModel
 * @property {number[]} x
 * @property {PlotSeries[]} series
 * @property {PlotScale[]} scales
 * @property {Array<{values: Column, scale: string, style: string, curve: string}>} bases  grounds of stacked series where the series below has gaps; not drawn
 */

/** @param {Field} field */
export function seriesKey(field) {
  return `${field.refId}|${field.name}|${JSON.stringify(field.labels)}`;
}

/**
 * @param {Frames} frames
 * @param {ReadonlySet<string>} hidden keys of series hidden by the reader
 * @param {Theme} theme
 * @returns {PlotModel}
 */
export function plotModel(frames, hidden, theme) {
  const { fields, x } = frames;
  /** @type {Map<string, PlotScale>} */
  const scales = new Map();
  const isHidden = fields.map((field) => hidden.has(seriesKey(field)) || hideFrom(field).viz === true);
  const stacked = stackColumns(
    fields.map((field, i) => ({
      values: prepare(field, x),
      mode: stacking(field).mode,
      group: `${stacking(field).group} ${field.config.custom.drawStyle ?? 'line'}`,
      hidden: isHidden[i],
    })),
  );
  const names = fields.map((field) => field.name);
  /** @type {PlotModel['bases']} */
  const bases = [];
  const series = fields.map((field, i) => ({
    ...look(field),
    key: seriesKey(field),
    name: field.name,
    field,
    all: fields,
    theme,
    color: seriesColor(field, fields, theme),
    scale: scaleFor(scales, field).key,
    drawn: stacked[i].values,
    below: groundOf(stacked[i], field, fields.length, bases, scaleFor(scales, field).key),
    hidden: isHidden[i],
    fillTo: names.indexOf(String(field.config.custom.fillBelowTo ?? '\0')),
  }));
  return { x, series, scales: [...scales.values()], bases };
}

/** @param {import('../lib/stack.js').StackOutput} stacked @param {Field} field @param {number} count @param {PlotModel['bases']} bases @param {string} scale */
function groundOf({ below, base }, field, count, bases, scale) {
  if (!base) return below;
  const { style, curve } = look(field);
  return count + bases.push({ values: base, scale, style, curve }) - 1;
}

/** @param {Field} field @returns {PlotSeries['hideFrom']} */
function hideFrom(field) {
  const given = field.config.custom.hideFrom ?? {};
  return { legend: given.legend === true, tooltip: given.tooltip === true, viz: given.viz === true || given.graph === true };
}

/** @param {Field} field */
function look(field) {
  const { custom } = field.config;
  /** @type {PlotSeries['style']} */
  const style = custom.drawStyle === 'bars' || custom.drawStyle === 'points' ? custom.drawStyle : 'line';
  /** @type {PlotSeries['points']} */
  const points = style === 'points' || custom.showPoints === 'always' ? 'always' : custom.showPoints === 'never' ? 'never' : 'auto';
  const defaultFill = style === 'bars' ? 100 : 0;
  return {
    style,
    points,
    curve: String(custom.lineInterpolation ?? 'linear'),
    width: numberOr(custom.lineWidth, 1),
    fill: Math.min(1, Math.max(0, numberOr(custom.fillOpacity, defaultFill) / 100)),
    gradient: String(custom.gradientMode ?? 'none'),
    dash: dashOf(custom.lineStyle),
    pointSize: numberOr(custom.pointSize, 5),
    bar: barOf(custom),
    hideFrom: hideFrom(field),
  };
}

/** @param {Record<string, any>} custom @returns {PlotSeries['bar']} */
function barOf({ barWidthFactor, barAlignment }) {
  const share = Math.min(1, Math.max(0.05, numberOr(barWidthFactor, 0.6)));
  return { share, align: barAlignment === -1 ? -1 : barAlignment === 1 ? 1 : 0 };
}

/** @param {unknown} value @param {number} otherwise */
function numberOr(value, otherwise) {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : otherwise;
}

/** @param {any} lineStyle @returns {number[]} */
function dashOf(lineStyle) {
  if (lineStyle?.fill !== 'dash' && lineStyle?.fill !== 'dot' && lineStyle?.fill !== 'square') return [];
  if (Array.isArray(lineStyle.dash) && lineStyle.dash.length > 0) return lineStyle.dash.map(Number);
  return lineStyle.fill === 'dot' ? [0, 6] : lineStyle.fill === 'square' ? [4, 4] : [8, 6];
}

/** @param {Field} field @returns {{mode: 'none' | 'normal' | 'percent', group: string}} */
function stacking(field) {
  const given = field.config.custom.stacking;
  const mode = given?.mode === 'normal' || given?.mode === 'percent' ? given.mode : 'none';
  return { mode, group: String(given?.group ?? 'A') };
}

/** What the axis can show: finite numbers, mirrored if asked, gaps bridged if asked. @param {Field} field @param {number[]} x @returns {Column} */
function prepare(field, x) {
  const { custom } = field.config;
  const sign = custom.transform === 'negative-Y' ? -1 : 1;
  if (custom.transform === 'constant') {
    // The first value, all along: a limit that is asked for like a series.
    const first = field.values.find((value) => typeof value === 'number' && Number.isFinite(value)) ?? null;
    return field.values.map(() => first);
  }
  const isLog = custom.scaleDistribution?.type === 'log';
  const asZero = custom.nullsAsZero === true;
  const plain = field.values.map((value) => {
    if (value === undefined) return undefined;
    if (value === null || !Number.isFinite(value)) return asZero ? 0 : null;
    return isLog && value <= 0 ? null : value * sign;
  });
  return custom.spanNulls === true || typeof custom.spanNulls === 'number'
    ? bridge(plain, x, custom.spanNulls === true ? Infinity : custom.spanNulls)
    : plain;
}

/** Gaps shorter than the limit become "no point here", which a line passes over. @param {Column} values @param {number[]} x @param {number} limitMs @returns {Column} */
function bridge(values, x, limitMs) {
  const bridged = [...values];
  let last = -1;
  for (let i = 0; i < values.length; i++) {
    if (typeof values[i] !== 'number') continue;
    if (last >= 0 && i - last > 1 && x[i] - x[last] < limitMs) bridged.fill(undefined, last + 1, i);
    last = i;
  }
  return bridged;
}

/** One scale for each distinct axis; the first is on the left, the next on the right. @param {Map<string, PlotScale>} scales @param {Field} field @returns {PlotScale} */
function scaleFor(scales, field) {
  const { unit, min, max, custom } = field.config;
  const percent = stacking(field).mode === 'percent';
  const distribution = custom.scaleDistribution ?? {};
  const id = JSON.stringify([
    unit,
    min,
    max,
    custom.axisSoftMin,
    custom.axisSoftMax,
    distribution,
    custom.axisLabel,
    custom.axisPlacement,
    percent,
  ]);
  const known = scales.get(id);
  if (known) return known;
  const placed = custom.axisPlacement;
  const side =
    placed === 'left' || placed === 'right' || placed === 'hidden'
      ? placed
      : [...scales.values()].some((scale) => scale.side === 'left')
        ? 'right'
        : 'left';
  const log = distribution.type === 'log' ? (Number(distribution.log) === 10 ? 10 : 2) : distribution.type === 'symlog' ? -1 : 0;
  const scale = {
    key: `y${scales.size}`,
    field,
    side,
    log,
    percent,
    label: String(custom.axisLabel ?? ''),
    thresholds: String(custom.thresholdsStyle?.mode ?? 'off'),
  };
  scales.set(id, scale);
  return scale;
}

/**
 * Positions of points with nothing on either side: a line would not show them.
 * @param {Column} values
 * @param {number} from
 * @param {number} to inclusive
 * @returns {number[]}
 */
export function isolatedPoints(values, from, to) {
  const found = [];
  let before = -2;
  let beforeIsJoined = true;
  let broken = true;
  for (let i = from; i <= to; i++) {
    const value = values[i];
    if (value === null) broken = true;
    if (typeof value !== 'number') continue;
    if (before >= 0 && broken && !beforeIsJoined) found.push(before);
    beforeIsJoined = !broken;
    before = i;
    broken = false;
  }
  if (before >= 0 && !beforeIsJoined) found.push(before);
  return found;
}
