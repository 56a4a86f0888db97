// The ranges on offer, their names, and moving a range about. Pure.
import { formatTimeShort, parseDuration, parseTime } from './time.js';

/** @typedef {import('./types.d.ts').Range} Range */
/** @typedef {import('./types.d.ts').RangeText} RangeText */

/** @type {RangeText} */
export const DEFAULT_RANGE = { from: 'now-1h', to: 'now' };

/** The quick ranges of the picker, as `[from, to, name]`. @type {[string, string, string][]} */
export const QUICK_RANGES = [
  ['now-5m', 'now', 'Last 5 minutes'],
  ['now-15m', 'now', 'Last 15 minutes'],
  ['now-30m', 'now', 'Last 30 minutes'],
  ['now-1h', 'now', 'Last hour'],
  ['now-3h', 'now', 'Last 3 hours'],
  ['now-6h', 'now', 'Last 6 hours'],
  ['now-12h', 'now', 'Last 12 hours'],
  ['now-24h', 'now', 'Last 24 hours'],
  ['now-2d', 'now', 'Last 2 days'],
  ['now-7d', 'now', 'Last 7 days'],
  ['now-30d', 'now', 'Last 30 days'],
  ['now/d', 'now', 'Today so far'],
  ['now-1d/d', 'now-1d/d', 'Yesterday'],
  ['now/w', 'now', 'This week so far'],
];

/** Intervals of the refresh menu; `off` first. */
export const REFRESH_CHOICES = ['off', '2s', '5s', '10s', '30s', '1m', '5m'];

/** Faster than this is refused, so that an address cannot make a browser hammer the monitor. */
const REFRESH_MS_MIN = 1000;

/** A shorter range shows nothing at any scrape interval. */
const RANGE_MS_MIN = 1000;

/** @type {Record<string, string>} */
const UNIT_WORDS = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week', M: 'month', y: 'year' };

/**
 * What a range is called on its button: a quick range's name, `Last 2 hours`, or both ends.
 * @param {RangeText} text
 * @param {boolean} utc
 * @param {number} now ms
 */
export function rangeName(text, utc, now) {
  const quick = QUICK_RANGES.find(([from, to]) => from === text.from && to === text.to);
  if (quick) return quick[2];
  const last = text.to === 'now' ? /^now-(\d+)([smhdwMy])$/.exec(text.from) : null;
  if (last) return last[1] === '1' ? `Last ${UNIT_WORDS[last[2]]}` : `Last ${last[1]} ${UNIT_WORDS[last[2]]}s`;
  const [from, to] = [endName(text.from, utc, now), endName(text.to, utc, now)];
  const sameDay = from.length > 10 && to.slice(0, 10) === from.slice(0, 10) && !to.startsWith('now');
  return `${from} to ${sameDay ? to.slice(11) : to}`;
}

/** @param {string} text @param {boolean} utc @param {number} now */
function endName(text, utc, now) {
  if (text.startsWith('now')) return text;
  const at = parseTime(text, { now, end: false, utc });
  return at === null ? text : formatTimeShort(at, utc);
}

/** A range pinned to the clock, for a link that shows the same picture tomorrow. @param {Range} range @returns {RangeText} */
export const pinned = (range) => ({ from: String(Math.round(range.from)), to: String(Math.round(range.to)) });

/**
 * The range half its length to the left (-1) or right (1).
 * @param {Range} range
 * @param {-1 | 1} direction
 * @param {number} now a shift to the right stops here
 * @returns {Range}
 */
export function shifted(range, direction, now) {
  const half = Math.round((range.to - range.from) / 2) * direction;
  const step = direction > 0 ? Math.max(0, Math.min(half, now - range.to)) : half;
  return { from: range.from + step, to: range.to + step };
}

/** The range twice as long around its middle, not beyond now. @param {Range} range @param {number} now @returns {Range} */
export function zoomedOut(range, now) {
  const length = range.to - range.from;
  const to = Math.min(Math.max(now, range.to), range.to + Math.round(length / 2));
  return { from: to - 2 * length, to };
}

/** A dragged range made long enough to show anything. @param {number} from @param {number} to @returns {Range} */
export function dragged(from, to) {
  const [low, high] = from < to ? [from, to] : [to, from];
  return high - low >= RANGE_MS_MIN ? { from: low, to: high } : { from: low - RANGE_MS_MIN / 2, to: low + RANGE_MS_MIN / 2 };
}

/** Milliseconds between refreshes; 0 is never. @param {string | false | null | undefined} text */
export function refreshMs(text) {
  if (!text || text === 'off') return 0;
  const ms = parseDuration(text);
  return ms === null ? 0 : Math.max(ms, REFRESH_MS_MIN);
}
