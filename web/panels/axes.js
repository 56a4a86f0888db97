// Axes of plots: round ticks for each family of units, labels, room for them, and the limits of the y scale.
import uPlot from '../vendor/uplot/uplot.js';
import { formatTimeTick } from '../lib/dates.js';
import { formatTick, isBinary, secondsIn } from '../lib/units.js';
import { YEAR_S } from '../lib/unitscale.js';
import { TOKENS } from '../lib/color.js';

/** @typedef {import('./model.js').PlotScale} PlotScale */
/** @typedef {import('../lib/color.js').Theme} Theme */

const FONT = '12px system-ui, -apple-system, "Segoe UI", sans-serif';
const X_AXIS_HEIGHT = 26;
/** Least distance of ticks, px. */
const X_SPACE = 72;
const Y_SPACE = 34;
const Y_SPACE_MIN = 18;
/** A low plot has closer ticks rather than one alone, which would tell nothing. */
const Y_TICKS_MIN = 4;
/** The room for y labels grows in steps, so that a refresh rarely moves the plot. */
const Y_ROOM_STEP = 8;
const Y_ROOM_MIN = 40;
const LABEL_ROOM = 18;

const BINARY_STEPS = Array.from({ length: 70 }, (_, power) => 2 ** (power - 4));
const SECOND_STEPS = [
  ...Array.from({ length: 13 }, (_, power) => [1, 2, 2.5, 5].map((digit) => Number(`${digit}e${power - 12}`)))
    .flat()
    .filter((step) => step < 1),
  1,
  2,
  5,
  10,
  15,
  30,
  60,
  120,
  300,
  600,
  900,
  1800,
  3600,
  7200,
  10_800,
  21_600,
  43_200,
  86_400,
  172_800,
  604_800,
  1_209_600,
  2_592_000,
  ...Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`) * YEAR_S)).flat(),
];

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
const MONTH_MS = 30 * DAY_MS;
const YEAR_MS = 365 * DAY_MS;

/** Between ticks of time, ms: those of uPlot, and two and twenty of what has sixty. @type {number[]} */
const TIME_STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 20, 30].map((seconds) => seconds * 1000),
  ...[1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15].map((days) => days * DAY_MS),
  ...[1, 2, 3, 4, 6].map((months) => months * MONTH_MS),
  ...[1, 2, 5, 10, 25, 50, 100].map((years) => years * YEAR_MS),
];

/** @param {Theme} theme @returns {Pick<uPlot.Axis, 'stroke' | 'font' | 'grid' | 'ticks' | 'border'>} */
function axisLook(theme) {
  const { line, muted } = TOKENS[theme];
  return { stroke: muted, font: FONT, grid: { stroke: line, width: 1 }, ticks: { show: false }, border: { show: false } };
}

/** @param {Theme} theme @param {{current: {utc: boolean}}} live @returns {uPlot.Axis} */
export function timeAxis(theme, live) {
  return {
    ...axisLook(theme),
    size: X_AXIS_HEIGHT,
    gap: 6,
    space: X_SPACE,
    incrs: TIME_STEPS,
    grid: { show: false },
    values: (u, splits, _axis, _space, incr) => {
      const range = Number(u.scales.x.max) - Number(u.scales.x.min);
      return splits.map((ms) => {
        const text = formatTimeTick(ms, incr, range, live.current.utc);
        return isCut(u, ms, text) ? '' : text;
      });
    },
  };
}

/** Width of a digit and of the margin right of the plot, px. */
const DIGIT_PX = 6.8;
const MARGIN_PX = 8;

/** A label that would run over the right edge is left out rather than cut. @param {uPlot} u @param {number} ms @param {string} text */
function isCut(u, ms, text) {
  const { min, max } = u.scales.x;
  const plotPx = u.bbox.width > 0 ? u.bbox.width / devicePixelRatio : u.width - Y_ROOM_MIN;
  const rest = ((Number(max) - ms) / (Number(max) - Number(min))) * plotPx;
  return rest + MARGIN_PX < (text.length * DIGIT_PX) / 2;
}

/**
 * @param {PlotScale} scale
 * @param {Theme} theme
 * @param {string} color  of its first series, for axes in the series' colour
 * @param {boolean} drawsGrid only one axis draws lines across
 * @returns {uPlot.Axis}
 */
export function valueAxis(scale, theme, color, drawsGrid) {
  const { unit, decimals, custom } = scale.field.config;
  const shownUnit = scale.percent ? 'percentunit' : unit;
  const look = axisLook(theme);
  const isRight = scale.side === 'right';
  return {
    ...look,
    scale: scale.key,
    side: isRight ? 1 : 3,
    gap: 8,
    space: (_u, _axis, _min, _max, px) => Math.max(Y_SPACE_MIN, Math.min(Y_SPACE, px / Y_TICKS_MIN)),
    stroke: custom.axisColorMode === 'series' ? color : look.stroke,
    grid: { ...look.grid, show: drawsGrid && custom.axisGridShow !== false, ...(scale.log > 0 ? { filter: wholePowers(scale.log) } : {}) },
    ...(scale.label === '' ? {} : { label: scale.label, labelSize: LABEL_ROOM, labelFont: FONT, labelGap: 0 }),
    ...(scale.log === 0 ? { incrs: increments(shownUnit, decimals) } : {}),
    values: (_u, splits) => splits.map((value) => (value === null || value === undefined ? '' : tickText(value, shownUnit, decimals))),
    size: (u, values, axisIdx, cycle) => roomFor(u, values, axisIdx, cycle, Number(custom.axisWidth) || 0),
  };
}

/** Lines only at whole powers: those between would fill the plot. @param {number} base @returns {uPlot.Axis.Filter} */
function wholePowers(base) {
  return (_u, splits) =>
    splits.map((value) => {
      const power = Math.log(value) / Math.log(base);
      return Math.abs(power - Math.round(power)) < 1e-9 ? value : null;
    });
}

/** A tick wider than this is written with an exponent. */
const TICK_LENGTH_MAX = 12;

/** @param {number} value @param {string} unit @param {number | null} decimals */
function tickText(value, unit, decimals) {
  const text = formatTick(value, unit, decimals);
  return text.length > TICK_LENGTH_MAX && Math.abs(value) >= 1e9 && !/[^\d.-]/.test(text) ? value.toExponential().replace('e+', 'e') : text;
}

/** @param {string} unit @param {number | null} decimals @returns {number[]} */
function increments(unit, decimals) {
  if (isBinary(unit)) return BINARY_STEPS;
  const seconds = secondsIn(unit);
  if (seconds > 0) return SECOND_STEPS.map((step) => Number((step / seconds).toPrecision(12)));
  const places = PLACES[unit];
  if (decimals === null || places === undefined) return decimals === 0 ? DECIMAL_STEPS.filter((step) => Number.isInteger(step)) : DECIMAL_STEPS;
  // A tick between two numbers that can be written would be written as one of them.
  return DECIMAL_STEPS.filter((step) => Math.abs(step * 10 ** (decimals + places) - Math.round(step * 10 ** (decimals + places))) < 1e-9 && step * 10 ** (decimals + places) > 0.5);
}

/** Units that are never shortened, and how many places their texts have less than their values. @type {Record<string, number>} */
const PLACES = { '': 0, none: 0, percent: 0, percentunit: 2 };


const DECIMAL_STEPS = Array.from({ length: 45 }, (_, power) => [1, 2, 2.5, 5].map((digit) => Number(`${digit}e${power - 20}`))).flat();

/** @param {uPlot} u @param {string[]} values @param {number} axisIdx @param {number} cycle @param {number} wished */
function roomFor(u, values, axisIdx, cycle, wished) {
  const axis = /** @type {any} */ (u.axes[axisIdx]);
  // uPlot asks again until sizes settle; the second answer stands, else it could go back and forth.
  if (cycle > 1) return axis._size;
  u.ctx.save();
  u.ctx.font = FONT;
  const widest = Math.max(0, ...(values ?? []).map((text) => u.ctx.measureText(text).width));
  u.ctx.restore();
  return Math.max(Y_ROOM_MIN, wished, Math.ceil((widest + 14) / Y_ROOM_STEP) * Y_ROOM_STEP);
}

/**
 * The limits of a y scale: hard limits hold, soft ones only widen, else the data with a margin; flat data still get a band.
 * @param {PlotScale} scale
 * @param {number | null} dataMin
 * @param {number | null} dataMax
 * @returns {[number, number]}
 */
export function valueRange(scale, dataMin, dataMax) {
  const { custom } = scale.field.config;
  if (scale.percent) return [0, 1];
  // A logarithm knows no zero: a limit there is no limit.
  const [min, max] = [scale.field.config.min, scale.field.config.max].map((limit) =>
    scale.log > 0 && limit !== null && limit <= 0 ? null : limit,
  );
  if (scale.log > 0 && (dataMin === null || dataMax === null || !(dataMin > 0)))
    return ordered(min ?? 1, max ?? Math.max(10, (min ?? 1) * 10));
  const soft = [finiteOr(custom.axisSoftMin, null), finiteOr(custom.axisSoftMax, null)];
  if (dataMin === null || dataMax === null || !Number.isFinite(dataMin))
    return ordered(min ?? soft[0] ?? 0, max ?? soft[1] ?? Math.max(1, (min ?? 0) + 1));
  let low = soft[0] === null ? dataMin : Math.min(soft[0], dataMin);
  let high = soft[1] === null ? dataMax : Math.max(soft[1], dataMax);
  if (custom.axisCenteredZero === true) [low, high] = [-Math.max(Math.abs(low), Math.abs(high)), Math.max(Math.abs(low), Math.abs(high))];
  const padded =
    scale.log === 0
      ? pad(low, high, soft)
      : scale.log > 0
        ? uPlot.rangeLog(low, high, /** @type {any} */ (scale.log), false)
        : uPlot.rangeAsinh(low, high, 10, false);
  return ordered(min ?? Number(padded[0]), max ?? Number(padded[1]));
}

/** @param {number} low @param {number} high @param {Array<number | null>} soft */
function pad(low, high, soft) {
  // A flat line sits in the middle of a band instead of on the edge of nothing.
  if (low === high) return low === 0 ? [0, 1] : low > 0 ? [0, low * 2] : [low * 2, 0];
  const part = (/** @type {number | null} */ limit) => ({ pad: limit === null ? 0.1 : 0, soft: limit ?? 0, mode: /** @type {3} */ (3) });
  return uPlot.rangeNum(low, high, {
    min: part(soft[0] !== null && low >= soft[0] ? soft[0] : null),
    max: part(soft[1] !== null && high <= soft[1] ? soft[1] : null),
  });
}

/** @param {unknown} value @param {null} otherwise */
function finiteOr(value, otherwise) {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : otherwise;
}

/** @param {number} low @param {number} high @returns {[number, number]} */
function ordered(low, high) {
  return high > low ? [low, high] : [low, low + (Math.abs(low) || 1)];
}
