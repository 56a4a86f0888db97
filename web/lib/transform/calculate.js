// "Add field from calculation": a new column out of others, row by row.
import { calcName, reduce } from '../calcs.js';
import { column, rowCount } from '../dataframe.js';
import { interpolate } from '../interpolate.js';
import { joinByField } from './join.js';
import { named } from './rows.js';

/** @typedef {import('../dataframe.js').Column} Column */
/** @typedef {import('../dataframe.js').DataFrame} DataFrame */
/** @typedef {import('../interpolate.js').Variables} Variables */
/** @typedef {{name: string, values: any[], like?: Column}} Made */

/**
 * Series are brought side by side by their time first, so that a row is a moment.
 * @param {DataFrame[]} frames
 * @param {any} options
 * @param {Variables} variables
 * @returns {DataFrame[]}
 */
export function calculateField(frames, options, variables) {
  const areSeries = frames.length > 1 && frames.every((frame) => frame.columns[0]?.type === 'time');
  const wide = areSeries ? joinByField(frames, {}) : frames;
  return wide.map((frame) => {
    const make = MODES[options.mode ?? 'reduceRow'] ?? MODES.reduceRow;
    const made = make(frame, options, variables);
    if (!made) return frame;
    const alias = interpolate(options.alias ?? '', variables);
    const name = alias === '' ? made.name : alias;
    const added = { ...column(name, 'number', made.values, made.like?.refId ?? frame.refId), stepMs: made.like?.stepMs };
    const kept = options.replaceFields === true ? frame.columns.filter((one, i) => one.type === 'time' || (i === 0 && one.type === 'string')) : frame.columns;
    return { ...frame, columns: [...kept, added] };
  });
}

/** @param {DataFrame} frame @returns {number[]} */
const rowsOf = (frame) => Array.from({ length: rowCount(frame) }, (_, at) => at);

/** @type {Record<string, (a: number, b: number) => number>} */
const OPERATORS = { '+': (a, b) => a + b, '-': (a, b) => a - b, '*': (a, b) => a * b, '/': (a, b) => a / b, '%': (a, b) => a % b, '**': (a, b) => a ** b };

/** @type {Record<string, (a: number) => number>} */
const FUNCTIONS = { abs: Math.abs, exp: Math.exp, ln: Math.log, log: Math.log10, floor: Math.floor, ceil: Math.ceil, round: Math.round, sqrt: Math.sqrt, percent: (a) => a * 100 };

/** @type {Record<string, (frame: DataFrame, options: any, variables: Variables) => Made | null>} */
const MODES = {
  reduceRow: (frame, { reduce: how }) => {
    const names = Array.isArray(how?.include) ? how.include : [];
    const used = frame.columns.filter((one) => one.type === 'number' && (names.length === 0 || names.includes(one.name)));
    const id = String(how?.reducer ?? 'sum');
    return used.length === 0 ? null : { name: calcName(id), like: used[0], values: rowsOf(frame).map((at) => reduce(id, used.map((one) => one.values[at]))) };
  },
  binary: (frame, { binary }, variables) => {
    const [left, right] = [operand(frame, binary?.left, variables), operand(frame, binary?.right, variables)];
    const operator = String(binary?.operator ?? binary?.operation ?? '+');
    if (!left || !right || !Object.hasOwn(OPERATORS, operator)) return null;
    const values = rowsOf(frame).map((at) => known(left.at(at), right.at(at), OPERATORS[operator]));
    return { name: `${left.name} ${operator} ${right.name}`, like: left.like ?? right.like, values };
  },
  unary: (frame, { unary }) => {
    const from = named(frame.columns, unary?.fieldName);
    const run = FUNCTIONS[unary?.operator ?? 'abs'];
    return from && run ? { name: `${unary.operator ?? 'abs'}(${from.name})`, like: from, values: from.values.map((value) => (typeof value === 'number' ? run(value) : null)) } : null;
  },
  index: (frame, { index }) => ({ name: 'Row', values: rowsOf(frame).map((at) => (index?.asPercentile ? at / Math.max(1, rowCount(frame)) : at)) }),
  windowFunctions: (frame, { window }) => {
    const from = named(frame.columns, window?.field);
    if (!from) return null;
    const share = window.windowSizeMode === 'fixed' ? Number(window.windowSize) : Number(window.windowSize ?? 0.1) * from.values.length;
    const size = Math.max(1, Math.ceil(share || 1));
    const ahead = window.windowAlignment === 'centered' ? Math.floor(size / 2) : 0;
    const id = String(window.reducer ?? 'mean');
    const values = from.values.map((_, at) => reduce(id, from.values.slice(Math.max(0, at - size + 1 + ahead), at + 1 + ahead)));
    return { name: `${ahead > 0 ? 'Centered' : 'Trailing'} moving ${id}(${from.name})`, like: from, values };
  },
  cumulativeFunctions: (frame, { cumulative }) => {
    const from = named(frame.columns, cumulative?.field);
    if (!from) return null;
    let total = 0;
    const isMean = cumulative.reducer === 'mean';
    const values = from.values.map((value, at) => {
      total += typeof value === 'number' && Number.isFinite(value) ? value : 0;
      return isMean ? total / (at + 1) : total;
    });
    return { name: `cumulative ${cumulative.reducer ?? 'sum'}(${from.name})`, like: from, values };
  },
};

/** @param {unknown} a @param {unknown} b @param {(a: number, b: number) => number} run */
function known(a, b, run) {
  return typeof a === 'number' && typeof b === 'number' ? run(a, b) : null;
}

/** A column by name, or a number. @param {DataFrame} frame @param {any} given @param {Variables} variables @returns {{name: string, at: (row: number) => any, like?: Column} | null} */
function operand(frame, given, variables) {
  const wanted = typeof given === 'object' && given !== null ? (given.fixed ?? given.matcher?.options) : given;
  const text = interpolate(wanted ?? '', variables);
  const from = named(frame.columns, text);
  if (from) return { name: from.name, at: (row) => from.values[row], like: from };
  const number = text.trim() === '' ? NaN : Number(text);
  return Number.isNaN(number) ? null : { name: text, at: () => number };
}
