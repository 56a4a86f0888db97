// Why a query for lines found none: no such label, no such value, nothing stored, or filters that nothing passes. Pure but for what it asks.
import { formatCount, plural } from './format.js';
import { isQuick } from './loghighlight.js';
import { partsOf, quoted } from './logql.js';

/** @typedef {import('./types.d.ts').Why} Why */
/** @typedef {import('./logql.js').LogMatcher} LogMatcher */

/**
 * @typedef {object} Ask  questions to the store, all about the range on the screen
 * @property {(selector: string) => Promise<{streams: number, entries: number}>} stats
 * @property {() => Promise<string[]>} names
 * @property {(name: string) => Promise<string[]>} values
 */

/** Names in a sentence; more are counted. */
const NAMED_MAX = 8;
/** Offers of what may be meant. */
const INSTEAD_MAX = 3;

/**
 * @param {string} query that parses
 * @param {Ask} ask
 * @returns {Promise<Why | null>}
 */
export async function whyNoLines(query, ask) {
  const [part] = partsOf(query);
  if (!part) return null;
  const { streams, entries } = await ask.stats(query.slice(part.from, part.selectorTo));
  const said = (/** @type {string} */ message) => /** @type {Why} */ ({ kind: 'expression', message, ...place(query, part.from, part.to) });
  const isFiltered = query.slice(part.selectorTo, part.to).trim() !== '';
  if (streams > 0 && entries > 0) return isFiltered ? said(`${plural(streams, 'stream')} with about ${plural(entries, 'line')} in this time range, but no line passes what stands behind the selector.`) : null;
  const names = await ask.names();
  if (names.length === 0) return { ...said('No logs were stored in this time range.'), kind: 'time' };
  for (const matcher of part.matchers.filter(wantsSome)) {
    const wrong = await whyNot(query, matcher, names, ask);
    if (wrong) return wrong;
  }
  return said('Each of these labels is there in this time range, but no stream has all of them together.');
}

/** @param {LogMatcher} matcher */
const wantsSome = ({ op, value }) => (op === '=' && value !== '') || (op === '=~' && !matchesAll(value, ''));

/** @param {string} query @param {LogMatcher} matcher @param {string[]} names @param {Ask} ask @returns {Promise<Why | null>} */
async function whyNot(query, matcher, names, ask) {
  const { name, op, value } = matcher;
  if (!names.includes(name)) {
    return { kind: 'labels', message: `No stream has a label ${name}; the names are ${listed(names)}.`, ...place(query, matcher.from, matcher.from + name.length), instead: nearest(name, names) };
  }
  const values = await ask.values(name);
  if (values.some((one) => (op === '=' ? one === value : matchesAll(value, one)))) return null;
  const instead = op === '=' ? nearest(value, values).map(quoted) : [];
  return { kind: 'labels', message: `No stream has ${name}${op}${quoted(value)}; ${name} is ${listed(values)}.`, ...place(query, matcher.valueFrom, matcher.to), instead };
}

/** Whether an expression matches a whole value; what a browser cannot read, or not in a short time, counts as a match, so that nothing untrue is said. @param {string} pattern @param {string} value */
function matchesAll(pattern, value) {
  if (!isQuick(pattern)) return true;
  try {
    return new RegExp(`^(?:${pattern})$`, 's').test(value);
  } catch {
    return true;
  }
}

/** @param {string[]} all */
function listed(all) {
  const rest = all.length - NAMED_MAX;
  return `${all.slice(0, NAMED_MAX).join(', ')}${rest > 0 ? ` and ${formatCount(rest)} more` : ''}`;
}

/** Those few letters off, the nearest first. @param {string} text @param {string[]} all */
function nearest(text, all) {
  const limit = Math.max(2, Math.floor(text.length / 3));
  const near = all.map((one) => ({ one, far: one.includes(text) || text.includes(one) ? 1 : distance(text, one) })).filter(({ far }) => far <= limit);
  return near.sort((a, b) => a.far - b.far).slice(0, INSTEAD_MAX).map(({ one }) => one);
}

/** Letters to change, add or take away. @param {string} a @param {string} b */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length];
}

/** The API counts bytes, and so does what replaces a part of a query. @param {string} query @param {number} from @param {number} to */
function place(query, from, to) {
  const bytes = (/** @type {number} */ at) => new TextEncoder().encode(query.slice(0, at)).length;
  return { start: bytes(from), end: bytes(to) };
}
