// Numbers and sizes for tiles, tables and lists. (Panels have Grafana's units in units.js.) Pure.

/** What stands where there is no value. */
export const NONE = '–';

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Three significant digits without needless zeros. @param {number} value */
function short(value) {
  const size = Math.abs(value);
  if (size === 0) return '0';
  return size >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/**
 * Scales by `base` until the number is handy.
 * @param {number} value
 * @param {number} base
 * @param {string[]} names
 * @returns {[string, string]}
 */
function scaled(value, base, names) {
  let at = 0;
  let rest = value;
  while (Math.abs(rest) >= base * 0.9995 && at < names.length - 1) {
    rest /= base;
    at += 1;
  }
  return [short(rest), names[at]];
}

/** @param {number | null | undefined} value @returns {value is number} */
const known = (value) => typeof value === 'number' && Number.isFinite(value);

/** `1234567` → `1.23M`. @param {number | null | undefined} value */
export function formatShort(value) {
  return known(value) ? (Math.abs(value) < 1e-3 && value !== 0 ? value.toExponential(1) : scaled(value, 1000, PREFIXES).join('')) : NONE;
}

/** `1234567` → `1,234,567`. @param {number | null | undefined} value */
export function formatCount(value) {
  return known(value) ? Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ',') : NONE;
}

/** A rate per second: `12.3/s`. @param {number | null | undefined} value */
export function formatRate(value) {
  return known(value) ? `${formatShort(value)}/s` : NONE;
}

/** A share of one as percent: `0.0123` → `1.23 %`. @param {number | null | undefined} value */
export function formatShare(value) {
  if (!known(value)) return NONE;
  const percent = value * 100;
  if (percent > 0 && percent < 0.01) return '<0.01 %';
  return `${percent < 1 ? String(Number(percent.toFixed(2))) : short(percent)} %`;
}

/** Seconds in the unit that suits: `340 µs`, `12.3 ms`, `1.5 s`. @param {number | null | undefined} value */
export function formatSeconds(value) {
  if (!known(value)) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-3) return `${short(value * 1e6)} µs`;
  if (size !== 0 && size < 1) return `${short(value * 1e3)} ms`;
  return `${short(value)} s`;
}

/** `1536` → `1.5 KiB`. @param {number | null | undefined} value */
export function formatBytes(value) {
  return known(value) ? scaled(value, 1024, BINARY).join(' ') : NONE;
}

/** A value as an alert or a table shows it: a number, or what the API sent. @param {string | number | null} value */
export function formatValue(value) {
  if (value === null) return NONE;
  const number = Number(value);
  return Number.isFinite(number) ? formatShort(number) : String(value);
}

/** The number a wire value stands for; null where there is none. @param {import('./types.d.ts').WireValue | undefined} value */
export function wireNumber(value) {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return value;
  return { NaN: NaN, '+Inf': Infinity, '-Inf': -Infinity }[value] ?? NaN;
}

/** `name{a="b", c="d"}` with the labels in order. @param {import('./types.d.ts').Labels} labels */
export function formatLabels(labels) {
  const { __name__: name = '', ...rest } = labels;
  const pairs = Object.keys(rest).sort().map((key) => `${key}="${rest[key].replace(/["\\]/g, '\\$&')}"`);
  return pairs.length === 0 ? name || '{}' : `${name}{${pairs.join(', ')}}`;
}

/** `1 target`, `2 targets`, `2 series`. @param {number} count @param {string} noun */
export function plural(count, noun) {
  return `${formatCount(count)} ${noun}${count === 1 || noun.endsWith('s') ? '' : 's'}`;
}
