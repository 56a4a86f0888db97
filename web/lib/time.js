// Time ranges as people type them (`now-6h`, `now/d`, `2026-11-20 14:00`), and times as people read them. Pure.

/** @typedef {import('./types.d.ts').Range} Range */
/** @typedef {import('./types.d.ts').RangeText} RangeText */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Lengths of the units that have one; months and years are counted on the calendar. @type {Record<string, number>} */
const UNIT_MS = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY, M: 30 * DAY, y: 365 * DAY };

/** A year of four digits at most, so that a mistyped epoch is not taken for one. */
const CALENDAR = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?$/;
const RELATIVE = /^now((?:[+-]\d+(?:ms|[smhdwMy]))*)(?:\/([smhdwMy]))?$/;

/**
 * @typedef {object} ReadOptions
 * @property {number} now ms
 * @property {boolean} end true for the end of a range: `/d` and bare dates round up
 * @property {boolean} utc read calendar times as UTC instead of local
 */

/**
 * Milliseconds of a typed time, or null if it is none.
 * @param {string} typed
 * @param {ReadOptions} options
 */
export function parseTime(typed, options) {
  const text = typed.trim();
  if (/^-?\d{10,14}$/.test(text)) return Number(text);
  const relative = RELATIVE.exec(text);
  if (relative) return readRelative(relative[1], relative[2], options);
  const calendar = CALENDAR.exec(text);
  if (calendar) return readCalendar(calendar.slice(1), options);
  const iso = /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(iso) ? null : iso;
}

/** @param {string} steps @param {string | undefined} rounding @param {ReadOptions} options */
function readRelative(steps, rounding, { now, end, utc }) {
  let at = now;
  for (const [, sign, count, unit] of steps.matchAll(/([+-])(\d+)(ms|[smhdwMy])/g)) {
    at = moveBy(at, (sign === '-' ? -1 : 1) * Number(count), unit, utc);
  }
  return rounding ? roundTo(at, rounding, end, utc) : at;
}

/** @param {(string | undefined)[]} parts @param {ReadOptions} options */
function readCalendar(parts, { end, utc }) {
  const [year, month, day, hour, minute, second] = parts.map((part) => (part === undefined ? undefined : Number(part)));
  const wholeDay = hour === undefined;
  const at = build([year ?? 0, (month ?? 1) - 1, day ?? 1, hour ?? 0, minute ?? 0, second ?? 0], utc);
  const back = fields(at, utc);
  if (back[1] !== (month ?? 1) - 1 || back[2] !== day || (!wholeDay && back[4] !== minute)) return null;
  return wholeDay && end ? roundTo(at, 'd', true, utc) : at;
}

/** @param {number[]} f year, month from 0, day, hour, minute, second @param {boolean} utc */
function build(f, utc) {
  const [year, month, day, hour, minute, second] = f;
  return utc ? Date.UTC(year, month, day, hour, minute, second) : new Date(year, month, day, hour, minute, second).getTime();
}

/** @param {number} at @param {boolean} utc */
function fields(at, utc) {
  const d = new Date(at);
  return utc
    ? [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()]
    : [d.getFullYear(), d.getMonth(), d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds()];
}

/** @param {number} at @param {number} count @param {string} unit @param {boolean} utc */
function moveBy(at, count, unit, utc) {
  const place = { y: 0, M: 1, w: 2, d: 2 }[unit];
  if (place === undefined) return at + count * UNIT_MS[unit];
  const f = fields(at, utc);
  f[place] += unit === 'w' ? 7 * count : count;
  return build(f, utc) + (at % SECOND);
}

/** @param {number} at @param {string} unit @param {boolean} end @param {boolean} utc */
function roundTo(at, unit, end, utc) {
  const kept = { y: 1, M: 2, w: 3, d: 3, h: 4, m: 5, s: 6 }[unit] ?? 6;
  const f = fields(at, utc).map((value, i) => (i < kept ? value : i === 2 ? 1 : 0));
  // Weeks start on Monday, as ISO 8601 says.
  if (unit === 'w') f[2] -= (new Date(Date.UTC(f[0], f[1], f[2])).getUTCDay() + 6) % 7;
  const start = build(f, utc);
  return end ? moveBy(start, 1, unit, utc) - 1 : start;
}

/**
 * The range two typed times mean, or null if one is unreadable or they are the wrong way round.
 * @param {RangeText} text
 * @param {number} now ms
 * @param {boolean} utc
 * @returns {Range | null}
 */
export function resolveRange(text, now, utc) {
  const from = parseTime(text.from, { now, end: false, utc });
  const to = parseTime(text.to, { now, end: true, utc });
  return from === null || to === null || from >= to ? null : { from, to };
}

/** Milliseconds of `15s`, `1h30m`; null if it is no duration. @param {string} text */
export function parseDuration(text) {
  const parts = [...text.matchAll(/(\d+)(ms|[smhdwMy])/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text.trim()) return null;
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit], 0);
}

/** A duration in its two largest units: `2h 5m`, `340ms`. @param {number} ms */
export function formatDuration(ms) {
  if (ms < SECOND) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / SECOND) * SECOND;
  if (seconds < 10 * SECOND && ms % SECOND !== 0) return `${(ms / SECOND).toFixed(1)}s`;
  const out = [];
  let rest = seconds;
  for (const [unit, length] of /** @type {[string, number][]} */ ([['d', DAY], ['h', HOUR], ['m', MINUTE], ['s', SECOND]])) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) out.push(`${count}${unit}`);
    else if (out.length > 0) break;
    if (out.length === 2) break;
  }
  return out.join(' ') || '0s';
}

/** How long ago, for a column of ages: `3.2s ago`, `2h 5m ago`. @param {number} then @param {number} now */
export function formatAgo(then, now) {
  return then > now ? 'now' : `${formatDuration(now - then)} ago`;
}

/** @param {number} n */
const two = (n) => String(n).padStart(2, '0');

/** `2026-11-20 14:00:05`. @param {number} at @param {boolean} utc */
export function formatTime(at, utc) {
  const [year, month, day, hour, minute, second] = fields(at, utc);
  return `${year}-${two(month + 1)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`;
}

/** The same without seconds that are zero. @param {number} at @param {boolean} utc */
export function formatTimeShort(at, utc) {
  return formatTime(at, utc).replace(/:00$/, '');
}

/** `UTC`, or `UTC+02:00` for the reader's zone at that time. @param {number} at @param {boolean} utc */
export function zoneName(at, utc) {
  const offset = utc ? 0 : -new Date(at).getTimezoneOffset();
  if (utc || offset === 0) return 'UTC';
  const size = Math.abs(offset);
  return `UTC${offset < 0 ? '−' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}
