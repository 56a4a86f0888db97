// Which pieces of a line the filters of its query found. Pure.
import { partsOf } from './logql.js';

/** A line is looked at up to here; what stands behind is out of sight anyway. */
const LOOK_AT_MAX = 10_000;
/** Pieces marked in one line. */
const MARKS_MAX = 100;

/** @typedef {{text: string, hit: boolean}} Piece */

/** Patterns of what a query looks for. @param {string} query @returns {RegExp[]} */
export function soughtBy(query) {
  return partsOf(query).flatMap(({ filters }) => filters.flatMap(({ op, texts }) => texts.flatMap((text) => patternsOf(op, text))));
}

/** @param {string} op @param {string} text @returns {RegExp[]} */
function patternsOf(op, text) {
  if (text === '') return [];
  if (op === '|=') return [literal(text)];
  if (op === '|>') return text.split('<_>').map((piece) => piece.trim()).filter((piece) => piece !== '').map(literal);
  const pattern = op === '|~' ? readRegex(text) : null;
  return pattern ? [pattern] : [];
}

/** @param {string} text */
const literal = (text) => new RegExp(text.replace(/[\\^$*+?.()|[\]{}]/g, '\\$&'), 'g');

/**
 * Whether a browser may try an expression: the store's take linear time, a browser's do not, and one that repeats a group, or many things,
 * could hold up the page. Nor may it try one with words that it reads otherwise.
 * @param {string} body
 * @param {number} repeatsMax
 */
export function isQuick(body, repeatsMax = 2) {
  if (/\)[*+{]|\\[pPAzQEC]|\[\[:|\(\?[a-zA-Z-]/.test(body)) return false;
  return (body.match(/[*+]|\{\d*,\d*\}/g)?.length ?? 0) <= repeatsMax;
}

/** One that cannot be marked marks nothing. @param {string} text */
function readRegex(text) {
  const flags = /^\(\?([is]+)\)/.exec(text);
  const body = text.slice(flags?.[0].length ?? 0).replaceAll('(?P<', '(?<');
  // What stands for anything at either end marks nothing that is meant.
  const core = body.replace(/^(?:\.[*+]\??)+|(?:(?<!\\)\.[*+]\??)+$/g, '');
  if (core === '' || !isQuick(core, 1)) return null;
  try {
    return new RegExp(core, `g${flags?.[1] ?? ''}`);
  } catch {
    return null;
  }
}

/** A line cut where something sought begins or ends. @param {string} line @param {RegExp[]} sought @returns {Piece[]} */
export function piecesOf(line, sought) {
  if (sought.length === 0) return [{ text: line, hit: false }];
  const head = line.slice(0, LOOK_AT_MAX);
  const found = sought.flatMap((pattern) => rangesOf(head, pattern)).sort((a, b) => a[0] - b[0]);
  /** @type {Piece[]} */
  const pieces = [];
  let at = 0;
  for (const [from, to] of found) {
    if (to <= at) continue;
    if (from > at) pieces.push({ text: line.slice(at, from), hit: false });
    const last = pieces[pieces.length - 1];
    const text = line.slice(Math.max(from, at), to);
    if (last?.hit) last.text += text;
    else pieces.push({ text, hit: true });
    at = to;
  }
  if (at < line.length) pieces.push({ text: line.slice(at), hit: false });
  return pieces;
}

/** @param {string} text @param {RegExp} pattern @returns {[number, number][]} */
function rangesOf(text, pattern) {
  /** @type {[number, number][]} */
  const ranges = [];
  for (const found of text.matchAll(pattern)) {
    if (found[0] !== '') ranges.push([found.index, found.index + found[0].length]);
    if (ranges.length === MARKS_MAX) break;
  }
  return ranges;
}
