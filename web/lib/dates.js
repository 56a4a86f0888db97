// Times as text: moment's tokens (as Grafana's `time:` units use them), time axis labels, "3 minutes ago". Local time unless told otherwise.

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** @param {number} value @param {number} [width] */
function pad(value, width = 2) {
  return String(value).padStart(width, '0');
}

/** @type {Record<string, (date: Date) => string>} */
const TOKENS = {
  YYYY: (d) => pad(d.getFullYear(), 4),
  YY: (d) => pad(d.getFullYear() % 100),
  MMMM: (d) => MONTHS[d.getMonth()],
  MMM: (d) => MONTHS[d.getMonth()].slice(0, 3),
  MM: (d) => pad(d.getMonth() + 1),
  M: (d) => String(d.getMonth() + 1),
  DD: (d) => pad(d.getDate()),
  D: (d) => String(d.getDate()),
  dddd: (d) => WEEKDAYS[d.getDay()],
  ddd: (d) => WEEKDAYS[d.getDay()].slice(0, 3),
  HH: (d) => pad(d.getHours()),
  H: (d) => String(d.getHours()),
  hh: (d) => pad(d.getHours() % 12 || 12),
  h: (d) => String(d.getHours() % 12 || 12),
  mm: (d) => pad(d.getMinutes()),
  m: (d) => String(d.getMinutes()),
  ss: (d) => pad(d.getSeconds()),
  s: (d) => String(d.getSeconds()),
  SSS: (d) => pad(d.getMilliseconds(), 3),
  a: (d) => (d.getHours() < 12 ? 'am' : 'pm'),
  A: (d) => (d.getHours() < 12 ? 'AM' : 'PM'),
  X: (d) => String(Math.floor(d.getTime() / 1000)),
  x: (d) => String(d.getTime()),
};

/**
 * @param {number} ms
 * @param {string} format moment tokens; text in [brackets] is kept
 * @param {boolean} [utc]
 * @returns {string}
 */
export function formatDate(ms, format, utc = false) {
  // A date moved by the offset reads, in local parts, as UTC does.
  const date = new Date(utc ? ms + new Date(ms).getTimezoneOffset() * 60_000 : ms);
  if (Number.isNaN(date.getTime())) return 'Invalid date';
  return format.replace(/\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|DD|D|dddd|ddd|HH|H|hh|h|mm|m|ss|s|SSS|a|A|X|x/g, (token, literal) =>
    literal === undefined ? TOKENS[token](date) : literal,
  );
}

/** @type {ReadonlyArray<readonly [below: number, size: number, one: string, many: string]>} */
const AGES = [
  [45, 1, 'a few seconds', 'a few seconds'],
  [90, 60, 'a minute', 'a minute'],
  [2700, 60, 'a minute', 'minutes'],
  [5400, 3600, 'an hour', 'an hour'],
  [79_200, 3600, 'an hour', 'hours'],
  [129_600, 86_400, 'a day', 'a day'],
  [2_246_400, 86_400, 'a day', 'days'],
  [3_888_000, 2_628_000, 'a month', 'a month'],
  [27_648_000, 2_628_000, 'a month', 'months'],
  [47_347_200, 31_536_000, 'a year', 'a year'],
  [Infinity, 31_536_000, 'a year', 'years'],
];

/**
 * "2 minutes ago", "in a day", by moment's rules.
 * @param {number} ms
 * @param {number} nowMs
 * @returns {string}
 */
export function fromNow(ms, nowMs) {
  const seconds = Math.abs(nowMs - ms) / 1000;
  const [, size, one, many] = AGES.find((age) => seconds < age[0]) ?? AGES[AGES.length - 1];
  const number = Math.round(seconds / size);
  const text = one === many || number <= 1 ? one : `${number} ${many}`;
  return ms > nowMs ? `in ${text}` : `${text} ago`;
}

const DAY = 86_400_000;

/**
 * The label of a time axis tick, coarser the further apart the ticks are.
 * @param {number} ms
 * @param {number} tickMs  distance of ticks
 * @param {number} rangeMs what the axis shows
 * @param {boolean} [utc]
 * @returns {string}
 */
export function formatTimeTick(ms, tickMs, rangeMs, utc = false) {
  return formatDate(ms, tickFormat(tickMs, rangeMs), utc);
}

/** @param {number} tickMs @param {number} rangeMs */
function tickFormat(tickMs, rangeMs) {
  if (tickMs < 1000) return 'HH:mm:ss.SSS';
  if (tickMs < 60_000) return 'HH:mm:ss';
  if (rangeMs <= DAY) return 'HH:mm';
  if (tickMs < DAY) return 'MM/DD HH:mm';
  if (rangeMs < 365 * DAY) return 'MM/DD';
  return tickMs < 365 * DAY ? 'YYYY-MM' : 'YYYY';
}

/**
 * The exact time shown beside the pointer; milliseconds only when there are any.
 * @param {number} ms
 * @param {boolean} [utc]
 * @returns {string}
 */
export function formatExact(ms, utc = false) {
  return formatDate(ms, ms % 1000 === 0 ? 'YYYY-MM-DD HH:mm:ss' : 'YYYY-MM-DD HH:mm:ss.SSS', utc);
}
