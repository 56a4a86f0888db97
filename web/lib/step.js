// Step arithmetic: how far apart the points of a query are, and what $__interval and $__rate_interval become.
// Rules: Grafana's Prometheus data source (promlib query.go), as written down in the dashboard specification, part 6. All numbers are milliseconds.

/** Used when nobody says how often the targets are scraped. */
export const SCRAPE_INTERVAL_DEFAULT_MS = 15_000;

/** Prometheus refuses more points per series; we never ask for them. */
export const POINTS_MAX = 11_000;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const YEAR = 365 * DAY;

/** A value below the first number of a pair becomes the second. @type {ReadonlyArray<readonly [number, number]>} */
const ROUNDING = [
  [10, 1],
  [15, 10],
  [35, 20],
  [75, 50],
  [150, 100],
  [350, 200],
  [750, 500],
  [1500, SECOND],
  [3500, 2 * SECOND],
  [7500, 5 * SECOND],
  [12_500, 10 * SECOND],
  [17_500, 15 * SECOND],
  [25_000, 20 * SECOND],
  [45_000, 30 * SECOND],
  [1.5 * MINUTE, MINUTE],
  [3.5 * MINUTE, 2 * MINUTE],
  [7.5 * MINUTE, 5 * MINUTE],
  [12.5 * MINUTE, 10 * MINUTE],
  [17.5 * MINUTE, 15 * MINUTE],
  [25 * MINUTE, 20 * MINUTE],
  [45 * MINUTE, 30 * MINUTE],
  [1.5 * HOUR, HOUR],
  [2.5 * HOUR, 2 * HOUR],
  [4.5 * HOUR, 3 * HOUR],
  [9 * HOUR, 6 * HOUR],
  [24 * HOUR, 12 * HOUR],
  [WEEK, DAY],
  [3 * WEEK, WEEK],
  [6 * WEEK, 30 * DAY],
];

/** @type {Record<string, number>} */
const UNIT_MS = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: WEEK, M: 30 * DAY, y: YEAR };

/**
 * The nearest "nice" interval, by Grafana's table.
 * @param {number} ms
 * @returns {number}
 */
export function roundInterval(ms) {
  for (const [bound, nice] of ROUNDING) if (ms < bound) return nice;
  return YEAR;
}

/**
 * "15s", "1h30m", "500ms"; a bare number is seconds; a leading ">" (old "at least") is dropped.
 * @param {unknown} text
 * @returns {number | null} null when it is not a duration above zero
 */
export function parseDuration(text) {
  const trimmed = String(text ?? '')
    .trim()
    .replace(/^>/, '')
    .trim();
  if (trimmed === '') return null;
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed) * SECOND || null;
  if (!/^(\d+(\.\d+)?(ms|[smhdwMy]))+$/.test(trimmed)) return null;
  let total = 0;
  for (const [, number, , unit] of trimmed.matchAll(/(\d+(\.\d+)?)(ms|[smhdwMy])/g)) total += Number(number) * UNIT_MS[unit];
  return total > 0 ? total : null;
}

/**
 * The largest unit that divides exactly: 120000 → "2m", 615000 → "615s".
 * @param {number} ms
 * @returns {string}
 */
export function formatDuration(ms) {
  const whole = Math.max(1, Math.round(ms));
  for (const unit of ['d', 'h', 'm', 's']) if (whole % UNIT_MS[unit] === 0) return `${whole / UNIT_MS[unit]}${unit}`;
  return `${whole}ms`;
}

/**
 * Moves a time down to a multiple of the step, counted in local time so that daily steps start at local midnight.
 * @param {number} timeMs
 * @param {number} stepMs
 * @param {number} utcOffsetMs
 * @returns {number}
 */
export function alignDown(timeMs, stepMs, utcOffsetMs) {
  return Math.floor((timeMs + utcOffsetMs) / stepMs) * stepMs - utcOffsetMs;
}

/**
 * @typedef {object} StepInput
 * @property {number} rangeMs
 * @property {number} widthPx          points the panel can show
 * @property {number} scrapeMs         how often the data is scraped
 * @property {string} [panelInterval]  the panel's `interval`, variables already put in
 * @property {string} [targetInterval] the target's `interval`; `$__interval` and `$__rate_interval` are kept as they are
 * @property {number} [intervalFactor]
 *
 * @typedef {object} StepPlan
 * @property {number} intervalMs      the panel's interval
 * @property {number} stepMs          distance of points; what `$__interval` becomes
 * @property {number} rateIntervalMs  what `$__rate_interval` becomes
 */

/**
 * @param {StepInput} input
 * @returns {StepPlan}
 */
export function planStep(input) {
  const { rangeMs, scrapeMs } = input;
  const width = Math.max(1, input.widthPx);
  const perPoint = rangeMs / width;
  const intervalMs = Math.max(roundInterval(perPoint), parseDuration(input.panelInterval) ?? scrapeMs);
  const wanted = String(input.targetInterval ?? '').trim();
  const isInterval = /^\$(__interval|\{__interval\})$/.test(wanted);
  const isRate = /^\$(__rate_interval|\{__rate_interval\})$/.test(wanted);
  const own = isInterval || isRate ? null : parseDuration(wanted);
  const floorMs = own ?? intervalMs;
  const chosen = perPoint < floorMs ? floorMs : roundInterval(perPoint);
  const factor = Number(input.intervalFactor) > 0 ? Number(input.intervalFactor) : 1;
  const stepMs = Math.max(chosen, roundInterval(rangeMs / POINTS_MAX)) * factor;
  const scrape = own ?? (isInterval ? stepMs : scrapeMs);
  const rateIntervalMs = Math.max(intervalMs + scrape, 4 * scrape);
  return { intervalMs, stepMs: withinLimit(isRate ? rateIntervalMs : stepMs, rangeMs), rateIntervalMs };
}

/**
 * Rounding to a nice interval may round down, past the limit of points; then the step is what the limit asks for.
 * @param {number} stepMs
 * @param {number} rangeMs
 */
function withinLimit(stepMs, rangeMs) {
  return Math.max(1, Math.round(stepMs), Math.ceil(rangeMs / (POINTS_MAX - 1)));
}
