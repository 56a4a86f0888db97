// Stories of alerts as the ledger tells them: marks, moments in their sentences, moments of past outages. Pure.
import { formatTime } from './time.js';

/** @typedef {import('./alerts.d.ts').Episode} Episode */

/** @typedef {'ok' | 'warn' | 'crit' | 'none'} Kind */

/** How a way to a receiver stands. @type {Record<string, {kind: Kind, word: string}>} */
export const WAY_STATES = {
  told: { kind: 'ok', word: 'Told' },
  held: { kind: 'none', word: 'Held back' },
  failing: { kind: 'crit', word: 'Not delivered' },
  waiting: { kind: 'none', word: 'Waits' },
  untold: { kind: 'none', word: 'Not told' },
};

/** What a kind of event is, beside its sentence. @type {Record<string, {kind: Kind, word: string}>} */
export const EVENT_KINDS = {
  fired: { kind: 'warn', word: 'Fires' },
  ended: { kind: 'ok', word: 'Ended' },
  held: { kind: 'none', word: 'Held back' },
  freed: { kind: 'none', word: 'Free again' },
  told: { kind: 'ok', word: 'Told' },
  failed: { kind: 'crit', word: 'Failed' },
  acknowledged: { kind: 'none', word: 'In hand' },
  silence: { kind: 'none', word: 'Silence' },
  started: { kind: 'none', word: 'Restart' },
  reloaded: { kind: 'none', word: 'Reload' },
};

/**
 * Puts the reader's own time where a sentence has a moment in UTC; the date only where it is another day than that of `now`.
 * @param {string} text
 * @param {number} now
 * @param {boolean} utc
 */
export function localised(text, now, utc) {
  const today = formatTime(now, utc).slice(0, 10);
  return text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (moment) => {
    const shown = formatTime(Date.parse(moment), utc);
    return shown.startsWith(today) ? shown.slice(11) : shown;
  });
}

/** The label sets of a group's key are long: its route alone. @param {string} key */
export function routeName(key) {
  return key === '{}' ? 'the root route' : key.replace(/^\{\}\//, '');
}

/**
 * The moment at which to ask for the story of an outage: just before the same alert fired again, or now ('') for its newest.
 * @param {Episode[]} episodes newest first
 * @param {number} at which of them
 */
export function momentOf(episodes, at) {
  const later = episodes.slice(0, at).filter((one) => one.alert === episodes[at].alert).pop();
  return later ? String((Date.parse(later.firedAt) - 1) / 1000) : '';
}

/** A length such as a timer of a route: `30s`, `4h`. @param {number} ms */
export function formatTimer(ms) {
  /** @type {[number, string][]} */
  const units = [[86_400_000, 'd'], [3_600_000, 'h'], [60_000, 'm'], [1000, 's']];
  const [size, unit] = units.find(([length]) => ms >= length && ms % length === 0) ?? [1, 'ms'];
  return ms === 0 ? '0s' : `${ms / size}${unit}`;
}
