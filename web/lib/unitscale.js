// How numbers are shortened: the scales behind the units (SI prefixes, binary prefixes, counts, currencies, spans of time).
// A scale turns a number into a number and a suffix; units.js writes it out. Rules as Grafana's valueFormats.

/**
 * @typedef {object} Scaled
 * @property {number} value   what is written
 * @property {string} suffix
 * @property {string} [prefix]
 * @property {string} [text]  written instead of the value
 *
 * @typedef {(value: number, decimals?: number | null) => Scaled} Scale
 */

const SI = ['f', 'p', 'n', 'µ', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const SI_BASE = 5;
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];
const COUNT = ['', 'K', 'M', 'B', 'T'];
const SHORT = ['', ' K', ' Mil', ' Bil', ' Tri', ' Quadr', ' Quint', ' Sext', ' Sept'];

/** @param {number} factor @param {string[]} suffixes @param {number} base @returns {Scale} */
function byFactor(factor, suffixes, base) {
  return (value) => {
    if (value === 0) return { value, suffix: suffixes[base] };
    // The tiny amount keeps exact powers (1000, 1024²) on their own side of the border.
    const power = Math.floor(Math.log10(Math.abs(value)) / Math.log10(factor) + 1e-12);
    const index = Math.min(Math.max(base + power, 0), suffixes.length - 1);
    return { value: value / factor ** (index - base), suffix: suffixes[index] };
  };
}

/** SI prefixes down to femto. `start` shifts the base: 1 = the number is in thousands. @param {string} unit @param {number} [start] */
export function si(unit, start = 0) {
  return byFactor(1000, SI.map((prefix) => ` ${prefix}${unit}`.trimEnd()), SI_BASE + start);
}

/** @param {string} unit @param {number} [start] */
export function binary(unit, start = 0) {
  return byFactor(1024, BINARY.map((prefix) => ` ${prefix}${unit}`), start);
}

/** @param {string} unit */
export function count(unit) {
  return byFactor(1000, COUNT.map((prefix) => `${prefix} ${unit}`), 0);
}

/** Thousands in words: K, Mil, Bil. */
export const short = byFactor(1000, SHORT, 0);

/** @param {string} symbol @param {boolean} [after] */
export function currency(symbol, after = false) {
  const scale = byFactor(1000, COUNT, 0);
  return (/** @type {number} */ value) => {
    const { value: scaled, suffix } = scale(Math.abs(value));
    const sign = value < 0 ? '-' : '';
    return after ? { value: scaled, prefix: sign, suffix: `${suffix} ${symbol}` } : { value: scaled, prefix: sign + symbol, suffix };
  };
}

/** @param {string} suffix @param {number} [factor] @returns {Scale} */
export function fixed(suffix, factor = 1) {
  return (value) => ({ value: value * factor, suffix });
}

/** Seconds in a year, by Grafana's count. */
export const YEAR_S = 3.15569e7;

/** @typedef {readonly [below: number, divisor: number, word: string]} Span */

/** @param {number} unit seconds in one of the unit @returns {Span[]} */
function longSpans(unit) {
  return [[3600 / unit, 60 / unit, 'min'], [86_400 / unit, 3600 / unit, 'hour'], [604_800 / unit, 86_400 / unit, 'day']];
}

/** @type {Record<string, Span[]>} */
const SPANS = {
  ns: [[1e3, 1, 'ns'], [1e6, 1e3, 'µs'], [1e9, 1e6, 'ms'], [6e10, 1e9, 's'], [Infinity, 6e10, 'min']],
  µs: [[1e3, 1, 'µs'], [1e6, 1e3, 'ms'], [Infinity, 1e6, 's']],
  ms: [[1e3, 1, 'ms'], [6e4, 1e3, 's'], [3.6e6, 6e4, 'min'], [8.64e7, 3.6e6, 'hour'], [3.1536e10, 8.64e7, 'day'], [Infinity, YEAR_S * 1e3, 'year']],
  s: [[1e-6, 1e-9, 'ns'], [1e-3, 1e-6, 'µs'], [1, 1e-3, 'ms'], [60, 1, 's'], ...longSpans(1), [31_536_000, 604_800, 'week'], [Infinity, YEAR_S, 'year']],
  m: [[60, 1, 'min'], [1440, 60, 'hour'], [10_080, 1440, 'day'], [604_800, 10_080, 'week'], [Infinity, YEAR_S / 60, 'year']],
  h: [[24, 1, 'hour'], [168, 24, 'day'], [8760, 168, 'week'], [Infinity, YEAR_S / 3600, 'year']],
  d: [[7, 1, 'day'], [365, 7, 'week'], [Infinity, 365.25, 'year']],
};

const COUNTED = new Set(['hour', 'day', 'week', 'year']);

/**
 * A span of time given in `unit`.
 * @param {'ns' | 'µs' | 'ms' | 's' | 'm' | 'h' | 'd'} unit
 * @returns {Scale}
 */
export function timeSpan(unit) {
  const spans = SPANS[unit];
  const zero = spans.find((span) => span[1] === 1);
  return (value) => {
    const [, divisor, word] = (value === 0 ? zero : spans.find((span) => Math.abs(value) < span[0])) ?? spans[spans.length - 1];
    const scaled = value / divisor;
    return { value: scaled, suffix: ` ${word}${COUNTED.has(word) && scaled !== 1 ? 's' : ''}` };
  };
}

/** What a tick may be written with: 1.5 hours, but not 4.44 hours. @param {number} value */
const isShort = (value) => Math.abs(value * 10 - Math.round(value * 10)) < 1e-6;

/** Words of units from a second on: below it, numbers are decimal and round as they are. */
const WHOLE_WORDS = new Set(['s', 'min', 'hour', 'day', 'week', 'year']);

/**
 * A span of time as the tick of an axis: in the largest unit that makes it round, however many of a smaller one that takes.
 * @param {'ns' | 'µs' | 'ms' | 's' | 'm' | 'h' | 'd'} unit
 * @returns {Scale}
 */
export function timeTick(unit) {
  const usual = timeSpan(unit);
  return (value) => {
    const whole = SPANS[unit].filter(([, divisor, word]) => WHOLE_WORDS.has(word) && Math.abs(value) >= divisor).reverse();
    const round = whole.find(([, divisor]) => isShort(value / divisor));
    if (!round) return usual(value);
    const scaled = value / round[1];
    return { value: scaled, suffix: ` ${round[2]}${COUNTED.has(round[2]) && scaled !== 1 ? 's' : ''}` };
  };
}

/** @type {ReadonlyArray<readonly [string, number]>} */
const CALENDAR = [
  ['year', 31_536_000_000], ['month', 2_628_000_000], ['week', 604_800_000], ['day', 86_400_000],
  ['hour', 3_600_000], ['minute', 60_000], ['second', 1000], ['millisecond', 1],
];

/**
 * "1 day, 2 hours": the largest unit and `decimals` more of the following ones.
 * @param {number} msPerUnit
 * @returns {Scale}
 */
export function wordyDuration(msPerUnit) {
  return (value, decimals) => {
    const text = wordy(Math.abs(value) * msPerUnit, decimals ?? 0) || (msPerUnit === 1 ? '0 milliseconds' : '0 seconds');
    return { value, suffix: '', text: value < 0 ? `${text} ago` : text };
  };
}

/** @param {number} ms @param {number} more */
function wordy(ms, more) {
  const parts = [];
  let rest = ms;
  let left = -1;
  for (const [word, size] of CALENDAR) {
    const number = Math.floor(rest / size + 1e-9);
    if (left < 0 && number === 0) continue;
    left = left < 0 ? more + 1 : left;
    if (left-- <= 0) break;
    if (number > 0) parts.push(`${number} ${word}${number === 1 ? '' : 's'}`);
    rest -= number * size;
  }
  return parts.join(', ');
}

/** @param {number} value */
function two(value) {
  return String(Math.floor(value)).padStart(2, '0');
}

/** 3725 → 01:02:05; with days: 1 d 02:03:04. @param {boolean} withDays @returns {Scale} */
export function clockSpan(withDays) {
  return (value) => {
    const seconds = Math.floor(Math.abs(value));
    const sign = value < 0 ? '-' : '';
    const hours = withDays ? Math.floor(seconds / 3600) % 24 : Math.floor(seconds / 3600);
    const days = withDays ? `${Math.floor(seconds / 86_400)} d ` : '';
    return { value, suffix: '', text: `${sign}${days}${two(hours)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}` };
  };
}

/** 59m:59s:999ms. @param {number} msPerUnit @returns {Scale} */
export function clockParts(msPerUnit) {
  return (value, decimals) => {
    const ms = Math.abs(value) * msPerUnit;
    const parts = [
      ...(ms >= 3_600_000 ? [`${two(ms / 3_600_000)}h`] : []),
      ...(ms >= 60_000 ? [`${two((ms / 60_000) % 60)}m`] : []),
      ...(ms >= 1000 ? [`${two((ms / 1000) % 60)}s`] : []),
      `${String(Math.floor(ms % 1000)).padStart(ms >= 1000 ? 3 : 1, '0')}ms`,
    ];
    const kept = decimals === undefined || decimals === null ? parts : parts.slice(0, decimals + 1);
    return { value, suffix: '', text: (value < 0 ? '-' : '') + kept.join(':') };
  };
}
