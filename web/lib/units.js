// Numbers as people read them: Grafana's unit ids, decimals and texts (dashboard specification, part 8).
import { binary, clockParts, clockSpan, count, currency, fixed, short, si, timeSpan, timeTick, wordyDuration } from './unitscale.js';
import { formatDate, fromNow } from './dates.js';
import { MORE_UNITS } from './unitlist.js';

/** @typedef {import('./unitscale.js').Scale} Scale */

/**
 * @typedef {object} Formatted
 * @property {string} prefix
 * @property {string} text
 * @property {string} suffix
 */

/** @type {Record<string, Scale>} */
const UNITS = {
  ...MORE_UNITS,
  none: fixed(''), '': fixed(''), string: fixed(''), short, sishort: si(''),
  percent: fixed('%'), percentunit: fixed('%', 100), humidity: fixed(' %H'), dB: fixed(' dB'), dBm: fixed(' dBm'),
  bytes: binary('B'), kbytes: binary('B', 1), mbytes: binary('B', 2), gbytes: binary('B', 3), tbytes: binary('B', 4),
  decbytes: si('B'), deckbytes: si('B', 1), decmbytes: si('B', 2), decgbytes: si('B', 3), dectbytes: si('B', 4),
  bits: binary('b'), decbits: si('b'),
  bps: si('b/s'), binbps: binary('b/s'), Bps: si('B/s'), binBps: binary('B/s'),
  KBs: si('B/s', 1), MBs: si('B/s', 2), GBs: si('B/s', 3), KiBs: binary('B/s', 1), MiBs: binary('B/s', 2), GiBs: binary('B/s', 3),
  Kbits: si('b/s', 1), Mbits: si('b/s', 2), Gbits: si('b/s', 3), pps: si('p/s'),
  ops: count('ops/s'), reqps: count('req/s'), rps: count('rd/s'), wps: count('wr/s'), iops: count('io/s'), cps: count('c/s'), eps: count('evt/s'),
  mps: count('msg/s'), recps: count('rec/s'), rowsps: count('rows/s'),
  opm: count('ops/m'), cpm: count('c/m'), rpm: count('rd/m'), wpm: count('wr/m'), reqpm: count('req/m'),
  ns: timeSpan('ns'), µs: timeSpan('µs'), ms: timeSpan('ms'), s: timeSpan('s'), m: timeSpan('m'), h: timeSpan('h'), d: timeSpan('d'),
  dtdurations: wordyDuration(1000), dtdurationms: wordyDuration(1), dthms: clockSpan(false), dtdhms: clockSpan(true),
  clockms: clockParts(1), clocks: clockParts(1000), timeticks: (value) => timeSpan('s')(value / 100),
  hertz: si('Hz'), rothz: si('Hz'), rotrpm: fixed(' rpm'), celsius: fixed(' °C'), fahrenheit: fixed(' °F'), farenheit: fixed(' °F'), kelvin: fixed(' K'),
  degree: fixed(' °'), watt: si('W'), kwatt: si('W', 1), volt: si('V'), amp: si('A'), joule: si('J'), watth: si('Wh'), kwatth: si('Wh', 1),
  areaM2: fixed(' m²'), lengthm: si('m'),
  currencyUSD: currency('$'), currencyEUR: currency('€'), currencyGBP: currency('£'), currencyJPY: currency('¥'), currencyCHF: currency('CHF', true),
  bool: choice('True', 'False'), bool_yes_no: choice('Yes', 'No'), bool_on_off: choice('On', 'Off'),
  hex: (value) => written(value, Number.isInteger(value) ? value.toString(16).toUpperCase() : value.toString(16)),
  hex0x: (value) => written(value, `0x${value.toString(16).toUpperCase()}`),
  sci: (value, decimals) => written(value, value.toExponential(decimals ?? undefined)),
  locale: (value, decimals) => written(value, value.toLocaleString('en-US', { maximumFractionDigits: decimals ?? 20 })),
  dateTimeAsIso: (value) => written(value, formatDate(value, 'YYYY-MM-DD HH:mm:ss')),
  dateTimeAsSystem: (value) => written(value, formatDate(value, 'YYYY-MM-DD HH:mm:ss')),
  dateTimeAsUS: (value) => written(value, formatDate(value, 'MM/DD/YYYY h:mm:ss a')),
  dateTimeAsIsoNoDateIfToday: (value) => written(value, formatDate(value, isToday(value) ? 'HH:mm:ss' : 'YYYY-MM-DD HH:mm:ss')),
  dateTimeAsUSNoDateIfToday: (value) => written(value, formatDate(value, isToday(value) ? 'h:mm:ss a' : 'MM/DD/YYYY h:mm:ss a')),
  dateTimeAsLocal: (value) => written(value, new Date(value).toLocaleString()),
  dateTimeFromNow: (value) => written(value, fromNow(value, Date.now())),
};

/** @param {number} value @param {string} text */
function written(value, text) {
  return { value, suffix: '', text };
}

/** @param {string} yes @param {string} no @returns {Scale} */
function choice(yes, no) {
  return (value) => written(value, value ? yes : no);
}

/** @param {number} ms */
function isToday(ms) {
  return new Date(ms).toDateString() === new Date().toDateString();
}

const SI_START = ['f', 'p', 'n', 'µ', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];

/** Units that carry their own text: `suffix:X`, `si:kX`, `time:FORMAT`; any other word is a suffix. @param {string} id @returns {Scale} */
function customUnit(id) {
  const colon = id.indexOf(':');
  const rest = colon > 0 ? id.slice(colon + 1) : '';
  switch (colon > 0 ? id.slice(0, colon) : '') {
    case 'prefix': return (value) => ({ value, prefix: rest, suffix: '' });
    case 'suffix': return fixed(` ${rest}`);
    case 'count': return count(rest);
    case 'currency': return currency(rest);
    case 'bool': return choice(rest.split('/')[0], rest.split('/')[1] ?? '');
    case 'time': return (value) => written(value, formatDate(value, rest.trim()));
    case 'si': {
      const start = rest.length > 1 ? SI_START.indexOf(rest[0]) : -1;
      return start >= 0 ? si(rest.slice(1), start - 5) : si(rest);
    }
    default: return fixed(` ${id}`);
  }
}

/** @param {string | null | undefined} unit @returns {Scale} */
function scaleOf(unit) {
  const id = unit ?? '';
  return Object.hasOwn(UNITS, id) ? UNITS[id] : customUnit(id);
}

/**
 * About three significant digits: the number of decimals Grafana shows when none are asked for.
 * @param {number} value
 * @returns {number}
 */
export function autoDecimals(value) {
  // What is whole but for the noise of binary fractions is whole: a mean of sixes is 6, not 6.00.
  if (value === 0 || !Number.isFinite(value) || Number(value.toPrecision(12)) % 1 === 0) return 0;
  const places = 1 - Math.floor(Math.log10(Math.abs(value)));
  return Math.max(0, Math.abs(value) * 10 ** places > 2.25 ? places + 1 : places);
}

/**
 * Rounds half up, keeps trailing zeros.
 * @param {number} value
 * @param {number | null | undefined} decimals null: chosen by size
 * @returns {string}
 */
export function formatNumber(value, decimals) {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '-∞';
  const places = Math.max(0, Math.min(100, decimals ?? autoDecimals(value)));
  const factor = 10 ** places;
  const rounded = Number.isFinite(value * factor) ? Math.round(value * factor) / factor : value;
  const plain = String(rounded === 0 ? 0 : rounded);
  if (plain.includes('e') || places === 0) return plain;
  const [whole, fraction = ''] = plain.split('.');
  return `${whole}.${fraction.padEnd(places, '0')}`;
}

/**
 * @param {number | null | undefined} value
 * @param {string | null | undefined} unit
 * @param {number | null} [decimals]
 * @returns {Formatted}
 */
export function formatParts(value, unit, decimals) {
  if (value === null || value === undefined) return { prefix: '', text: '', suffix: '' };
  if (!Number.isFinite(value)) return { prefix: '', text: formatNumber(value, 0), suffix: '' };
  const scaled = scaleOf(unit)(value, decimals);
  return { prefix: scaled.prefix ?? '', text: scaled.text ?? formatNumber(scaled.value, decimals), suffix: scaled.suffix };
}

/**
 * @param {number | null | undefined} value
 * @param {string | null | undefined} unit
 * @param {number | null} [decimals]
 * @returns {string}
 */
export function formatValue(value, unit, decimals) {
  const { prefix, text, suffix } = formatParts(value, unit, decimals);
  return prefix + text + suffix;
}

/**
 * A tick of an axis: as many decimals as the tick needs and no more.
 * @param {number} value
 * @param {string | null | undefined} unit
 * @param {number | null} [decimals]
 * @returns {string}
 */
export function formatTick(value, unit, decimals) {
  if (decimals !== null && decimals !== undefined) return formatValue(value, unit, decimals);
  const scaled = (TICKS[unit ?? ''] ?? scaleOf(unit))(value, 0);
  if (scaled.text !== undefined) return scaled.text;
  // Six digits hide the noise of binary fractions and keep every tick a person can tell apart.
  const number = Number(scaled.value.toPrecision(6));
  return `${scaled.prefix ?? ''}${number}${scaled.suffix}`;
}

/** Units whose ticks are written in another way. @type {Record<string, Scale>} */
const TICKS = { ns: timeTick('ns'), µs: timeTick('µs'), ms: timeTick('ms'), s: timeTick('s'), m: timeTick('m'), h: timeTick('h'), d: timeTick('d') };

const BINARY_UNITS = /^([kmgt]?bytes|bits|binbps|binBps|[KMG]iBs)$/;

/** @type {Record<string, number>} */
const SECONDS = { ns: 1e-9, µs: 1e-6, ms: 1e-3, dtdurationms: 1e-3, clockms: 1e-3, timeticks: 0.01, s: 1, dtdurations: 1, dthms: 1, dtdhms: 1, clocks: 1, m: 60, h: 3600, d: 86_400 };

/** Whether powers of two make round ticks of this unit. @param {string | null | undefined} unit */
export const isBinary = (unit) => BINARY_UNITS.test(unit ?? '');

/** How many seconds are in one of this unit; 0 when it is none of time. @param {string | null | undefined} unit */
export const secondsIn = (unit) => SECONDS[unit ?? ''] ?? 0;
