// Silences: what a form holds, what an address says of it, and what the API takes. Pure.
import { parseDuration } from './time.js';

/** @typedef {import('./types.d.ts').Labels} Labels */
/** @typedef {import('./alerts.d.ts').Silence} Silence */
/** @typedef {import('./alerts.d.ts').SilenceMatcher} SilenceMatcher */

/** @typedef {'=' | '!=' | '=~' | '!~'} Op */

/** One condition on one label, as a form shows it. @typedef {{name: string, op: Op, value: string}} Row */

/**
 * @typedef {object} Draft
 * @property {string} id of the silence that is changed, or ''
 * @property {Row[]} rows
 * @property {string} length as typed, `2h`; from now, or from `startsAt`
 * @property {string} startsAt of the silence that is changed, or ''
 * @property {string} by
 * @property {string} comment
 */

/** @type {Op[]} */
export const OPS = ['=', '!=', '=~', '!~'];

/** Lengths that are offered. */
export const LENGTHS = ['30m', '2h', '8h', '1d', '7d'];

/** @param {Row} row */
export function rowText({ name, op, value }) {
  return `${name}${op}"${value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`;
}

/** A condition as text, or null where it is none. @param {string} text @returns {Row | null} */
export function parseRow(text) {
  const found = /^\s*([^\s=!~"{},]+)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"]*?))\s*$/.exec(text);
  if (!found) return null;
  const value = found[3] === undefined ? found[4] : found[3].replace(/\\n/g, '\n').replace(/\\(.)/g, '$1');
  return { name: found[1], op: /** @type {Op} */ (found[2]), value };
}

/** @param {SilenceMatcher} matcher @returns {Row} */
export function rowOf({ name, value, isRegex, isEqual = true }) {
  return { name, op: /** @type {Op} */ (isRegex ? (isEqual ? '=~' : '!~') : isEqual ? '=' : '!='), value };
}

/** @param {Row} row @returns {SilenceMatcher} */
export function matcherOf({ name, op, value }) {
  return { name, value, isRegex: op.endsWith('~'), isEqual: !op.startsWith('!') };
}

/** The parameters that open a form which silences this alert alone. @param {Labels} labels */
export function silenceLink(labels) {
  const query = new URLSearchParams({ new: '1' });
  const names = Object.keys(labels).sort((a, b) => Number(b === 'alertname') - Number(a === 'alertname') || (a < b ? -1 : 1));
  for (const name of names) query.append('m', rowText({ name, op: '=', value: labels[name] }));
  return `/silences?${query}`;
}

/** What an address says of a new silence. @param {URLSearchParams} params @param {string} by @returns {Draft} */
export function draftOf(params, by) {
  const rows = params.getAll('m').map(parseRow).filter((row) => row !== null);
  return { id: '', rows: rows.length > 0 ? rows : [{ name: 'alertname', op: '=', value: '' }], length: params.get('for') ?? '2h', startsAt: '', by, comment: params.get('comment') ?? '' };
}

/** A silence as a form that changes it: as long again as is left. @param {Silence} silence @param {number} now @returns {Draft} */
export function draftOfSilence(silence, now) {
  const left = Math.max(60_000, Date.parse(silence.endsAt) - Math.max(now, Date.parse(silence.startsAt)));
  const minutes = Math.round(left / 60_000);
  const length = minutes % 60 === 0 ? `${minutes / 60}h` : minutes > 60 ? `${Math.floor(minutes / 60)}h${minutes % 60}m` : `${minutes}m`;
  const over = silence.status.state === 'expired';
  return { id: over ? '' : silence.id, rows: silence.matchers.map(rowOf), length, startsAt: over ? '' : silence.startsAt, by: silence.createdBy, comment: silence.comment };
}

/** Why a draft cannot be sent, in a sentence; '' when it can. @param {Draft} draft */
export function problemOf({ rows, length, by, comment }) {
  const nameless = rows.find((row) => row.name.trim() === '');
  if (nameless) return 'Each condition needs the name of a label.';
  if (!rows.some((row) => row.op.startsWith('=') && row.value !== '')) return 'At least one condition must name a value, or everything would be silent.';
  const ms = parseDuration(length);
  if (ms === null || ms <= 0) return 'Say how long: 30m, 2h, 1d.';
  if (by.trim() === '') return 'Say who you are.';
  if (comment.trim() === '') return 'Say why, for those who wonder later.';
  return '';
}

/** What the API takes. @param {Draft} draft @param {number} now */
export function bodyOf(draft, now) {
  const start = draft.startsAt === '' ? now : Date.parse(draft.startsAt);
  const end = Math.max(start, now) + (parseDuration(draft.length) ?? 0);
  return {
    ...(draft.id === '' ? {} : { id: draft.id }),
    matchers: draft.rows.map(matcherOf),
    startsAt: new Date(start).toISOString(),
    endsAt: new Date(end).toISOString(),
    createdBy: draft.by.trim(),
    comment: draft.comment.trim(),
  };
}
