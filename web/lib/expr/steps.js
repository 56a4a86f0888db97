// Expressions that are no arithmetic: one number out of a series, a series with other steps, 1 where a limit is passed. Pure.
import { POINTS_MAX } from '../step.js';
import { mapped } from './values.js';

/** @typedef {import('./values.js').Value} Value */

/** @param {number[]} points */
const sum = (points) => points.reduce((total, point) => total + point, 0);

/** @type {Record<string, (points: number[]) => number>} */
const REDUCERS = {
  sum,
  mean: (points) => sum(points) / points.length,
  min: (points) => points.reduce((a, b) => (b < a || Number.isNaN(b) ? b : a), Infinity),
  max: (points) => points.reduce((a, b) => (b > a || Number.isNaN(b) ? b : a), -Infinity),
  count: (points) => points.length,
  last: (points) => points[points.length - 1],
  median: (points) => {
    const sorted = [...points].sort((a, b) => a - b);
    const middle = sorted.length / 2;
    return points.some(Number.isNaN) ? NaN : (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
  },
};

/** @param {string} name @param {number[]} points that are there; of none there is no number but their count */
function reduced(name, points) {
  if (!Object.hasOwn(REDUCERS, name)) throw new Error(`“${name}” is no way to make one number of a series`);
  if (points.length === 0) return name === 'count' || name === 'sum' ? 0 : NaN;
  return REDUCERS[name](points);
}

/** What is there of a series. @param {Value} value @returns {number[]} */
const present = (value) => /** @type {number[]} */ (value.points.filter((point) => point !== null));

/** One number a series; what is a number already stays. @param {Value[]} values @param {any} json @returns {Value[]} */
export function reduceSeries(values, { reducer = 'mean', settings }) {
  const kept = (/** @type {number[]} */ points) => {
    if (settings?.mode === 'dropNN') return points.filter(Number.isFinite);
    if (settings?.mode === 'replaceNN') return points.map((point) => (Number.isFinite(point) ? point : Number(settings.replaceWithValue ?? 0)));
    return points;
  };
  return values.map((value) => (value.times ? { labels: value.labels, times: null, points: [reduced(String(reducer), kept(present(value)))] } : value));
}

/**
 * Points at `from`, `from + window`, … : each made of those since the one before; where there are none the upsampler says what.
 * @param {Value[]} values
 * @param {any} json
 * @param {{from: number, to: number, windowMs: number | null}} span
 * @returns {Value[]}
 */
export function resample(values, { downsampler = 'mean', upsampler = 'fillna' }, { from, to, windowMs }) {
  if (windowMs === null) throw new Error('the window to resample to is no duration');
  const count = Math.floor((to - from) / windowMs) + 1;
  if (count < 2 || count > POINTS_MAX) throw new Error(`the window makes ${count} points of this range; from 2 to ${POINTS_MAX} can be drawn`);
  return values.map((value) => (value.times ? { labels: value.labels, times: { start: from, step: windowMs }, points: resampled(value, String(downsampler), String(upsampler), from, windowMs, count) } : value));
}

/** @param {Value} value @param {string} down @param {string} up @param {number} from @param {number} windowMs @param {number} count */
function resampled({ points, times }, down, up, from, windowMs, count) {
  const { start, step } = times ?? { start: from, step: windowMs };
  /** @type {(number | null)[]} */
  const out = [];
  /** @type {number | null} */
  let last = null;
  for (let i = 0, next = 0; i < count; i += 1) {
    const bin = [];
    for (; next < points.length && start + next * step <= from + i * windowMs; next += 1) if (points[next] !== null) bin.push(/** @type {number} */ (points[next]));
    last = bin.at(-1) ?? last;
    const later = points.slice(next).find((point) => point !== null) ?? null;
    out.push(bin.length > 0 ? reduced(down, bin) : up === 'pad' ? last : up === 'backfilling' ? later : null);
  }
  return out;
}

/** @type {Record<string, (value: number, low: number, high: number) => boolean>} */
const LIMITS = {
  gt: (value, low) => value > low,
  lt: (value, low) => value < low,
  eq: (value, low) => value === low,
  ne: (value, low) => value !== low,
  gte: (value, low) => value >= low,
  lte: (value, low) => value <= low,
  within_range: (value, low, high) => value > low && value < high,
  outside_range: (value, low, high) => value < low || value > high,
  within_range_included: (value, low, high) => value >= low && value <= high,
  outside_range_included: (value, low, high) => value <= low || value >= high,
};

/** 1 where the limit is passed, 0 where not. @param {Value[]} values @param {any} json @returns {Value[]} */
export function threshold(values, json) {
  const { type = 'gt', params = [] } = json.conditions?.[0]?.evaluator ?? {};
  if (!Object.hasOwn(LIMITS, type)) throw new Error(`“${type}” is no limit`);
  const [low, high] = [Number(params[0]), Number(params[1])];
  return mapped(values, (value) => (value === null || Number.isNaN(value) ? value : LIMITS[type](value, Math.min(low, Number.isNaN(high) ? low : high), Math.max(low, Number.isNaN(high) ? low : high)) ? 1 : 0));
}
