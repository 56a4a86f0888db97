// Transformations that sort, choose and rearrange rows.
import { column, compareValues, pickRows, rowCount } from '../dataframe.js';
import { interpolate } from '../interpolate.js';
import { eachFrame, readPattern } from './fields.js';

/** @typedef {import('../dataframe.js').Column} Column */
/** @typedef {import('../dataframe.js').DataFrame} DataFrame */
/** @typedef {import('../interpolate.js').Variables} Variables */

/** @param {DataFrame} frame */
const places = (frame) => Array.from({ length: rowCount(frame) }, (_, at) => at);

/** @param {Column[]} columns @param {unknown} name */
export const named = (columns, name) => columns.find((one) => one.name === name) ?? columns.find((one) => one.rawName === name);

/** @param {DataFrame[]} frames @param {any} options */
export function sortBy(frames, { sort }) {
  const { field, desc } = (Array.isArray(sort) ? sort[0] : sort) ?? {};
  return eachFrame(frames, (columns, frame) => {
    const by = named(columns, field);
    return by ? pickRows(columns, places(frame).sort((a, b) => compareValues(by.values[a], by.values[b], desc === true) || a - b)) : columns;
  });
}

/** Rows kept when the file does not say. */
const LIMIT_DEFAULT = 10;

/** @param {DataFrame[]} frames @param {any} options a limit below zero keeps the last rows @param {Variables} variables */
export function limit(frames, { limitField }, variables) {
  const count = Number(interpolate(limitField ?? LIMIT_DEFAULT, variables));
  if (!Number.isFinite(count)) return frames;
  return eachFrame(frames, (columns) => columns.map((one) => ({ ...one, values: count < 0 ? one.values.slice(count) : one.values.slice(0, count) })));
}

/** All series below each other: time, name, value; newest first. @param {DataFrame[]} frames @returns {DataFrame[]} */
export function seriesToRows(frames) {
  /** @type {{time: number, metric: string, value: any}[]} */
  const rows = [];
  for (const { columns } of frames) {
    const time = columns.find((one) => one.type === 'time');
    for (const one of columns) {
      if (one === time || one.type !== 'number') continue;
      one.values.forEach((value, at) => rows.push({ time: time?.values[at] ?? null, metric: one.name, value }));
    }
  }
  if (rows.length === 0) return frames;
  rows.sort((a, b) => compareValues(a.time, b.time, true));
  const refId = frames[0].refId;
  return [{ refId, name: '', columns: [
    column('Time', 'time', rows.map((row) => row.time), refId),
    column('Metric', 'string', rows.map((row) => row.metric), refId),
    column('Value', 'number', rows.map((row) => row.value), refId),
  ] }];
}

/** @type {Record<string, (value: any, options: any) => boolean>} */
const TESTS = {
  isNull: (value) => value === null || value === undefined,
  isNotNull: (value) => value !== null && value !== undefined,
  greater: (value, { value: bound }) => number(value) > number(bound),
  greaterOrEqual: (value, { value: bound }) => number(value) >= number(bound),
  lower: (value, { value: bound }) => number(value) < number(bound),
  lowerOrEqual: (value, { value: bound }) => number(value) <= number(bound),
  equal: (value, { value: bound }) => same(value, bound),
  notEqual: (value, { value: bound }) => !same(value, bound),
  between: (value, { from, to }) => number(value) >= number(from) && number(value) <= number(to),
  range: (value, { from, to }) => number(value) >= number(from) && number(value) <= number(to),
  regex: (value, { value: pattern }) => readPattern(pattern)?.test(String(value ?? '')) === true,
  substring: (value, { value: part }) => String(value ?? '').toLowerCase().includes(String(part ?? '').toLowerCase()),
  notSubstring: (value, { value: part }) => !String(value ?? '').toLowerCase().includes(String(part ?? '').toLowerCase()),
};

/** @param {unknown} value a missing value is above and below nothing */
const number = (value) => (value === null || value === undefined || value === '' ? NaN : Number(value));

/** @param {unknown} a @param {unknown} b */
const same = (a, b) => a === b || (a !== null && a !== undefined && String(a) === String(b)) || number(a) === number(b);

/** @param {DataFrame[]} frames @param {any} options @param {Variables} variables */
export function filterByValue(frames, { filters, type, match }, variables) {
  const list = (Array.isArray(filters) ? filters : []).filter((one) => Object.hasOwn(TESTS, String(one?.config?.id)));
  if (list.length === 0) return frames;
  return eachFrame(frames, (columns, frame) => {
    const checks = list.flatMap((filter) => {
      const by = named(columns, filter.fieldName);
      const options = filled(filter.config.options ?? {}, variables);
      return by ? [(/** @type {number} */ at) => TESTS[filter.config.id](by.values[at], options)] : [];
    });
    if (checks.length === 0) return columns;
    const fits = (/** @type {number} */ at) => (match === 'all' ? checks.every((check) => check(at)) : checks.some((check) => check(at)));
    return pickRows(columns, places(frame).filter((at) => fits(at) === (type !== 'exclude')));
  });
}

/** @param {Record<string, any>} options @param {Variables} variables */
function filled(options, variables) {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [key, typeof value === 'string' ? interpolate(value, variables, 'raw') : value]));
}

/** One frame for each combination of values in some columns. @param {DataFrame[]} frames @param {any} options */
export function partitionByValues(frames, { fields, keepFields }) {
  return frames.flatMap((frame) => {
    const by = (Array.isArray(fields) ? fields : []).flatMap((name) => named(frame.columns, name) ?? []);
    if (by.length === 0) return [frame];
    /** @type {Map<string, number[]>} */
    const groups = new Map();
    for (const at of places(frame)) {
      const key = JSON.stringify(by.map((one) => one.values[at]));
      groups.set(key, [...(groups.get(key) ?? []), at]);
    }
    return [...groups.values()].map((order) => {
      const labels = Object.fromEntries(by.map((one) => [one.name, String(one.values[order[0]] ?? '')]));
      const kept = frame.columns.filter((one) => keepFields === true || !by.includes(one));
      const name = Object.values(labels).join(' ');
      const columns = pickRows(kept, order).map((one) => (one.type === 'number' ? { ...one, labels: { ...one.labels, ...labels }, name: `${one.name} ${name}` } : one));
      return { ...frame, name, columns };
    });
  });
}
