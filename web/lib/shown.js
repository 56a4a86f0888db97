// Tables as panels draw them: every column with its configuration; and tables read as series again. Pure.
import { fieldConfig } from './fields.js';

/** @typedef {import('./dataframe.js').Column} Column */
/** @typedef {import('./dataframe.js').DataFrame} DataFrame */
/** @typedef {import('./frames.js').Field} Field */
/** @typedef {import('./interpolate.js').Variables} Variables */

/**
 * @typedef {Column & {config: import('./fields.js').FieldConfig, index: number, instant: boolean, format: string, stepMs: number}} ShownColumn
 * @typedef {{refId: string, name: string, columns: ShownColumn[]}} ShownFrame
 */

/**
 * @param {any} panel
 * @param {DataFrame[]} frames
 * @param {Variables} variables
 * @returns {ShownFrame[]}
 */
export function shownTables(panel, frames, variables) {
  let index = 0;
  return frames.map((frame) => ({
    ...frame,
    columns: frame.columns.map((one) => {
      const config = fieldConfig(panel, { ...one, type: one.type === 'series' ? 'number' : one.type }, variables, one.config);
      const place = one.type === 'number' ? index++ : 0;
      return { ...one, name: config.displayName ?? one.name, config, index: place, instant: false, format: 'time_series', stepMs: one.stepMs ?? 0 };
    }),
  }));
}

/**
 * Columns of numbers on one shared x: the times of all tables, or the rows where none has times.
 * @param {ShownFrame[]} tables
 * @returns {{x: number[], fields: Field[]}}
 */
export function fieldsOfTables(tables) {
  const parts = tables.flatMap(({ columns }) => {
    const time = columns.find((one) => one.type === 'time');
    return columns.filter((one) => one.type === 'number').map((one) => ({ one, times: time?.values ?? one.values.map((_, row) => row) }));
  });
  const x = [...new Set(parts.flatMap(({ times }) => times))].filter((time) => typeof time === 'number').sort((a, b) => a - b);
  const places = new Map(x.map((time, at) => [time, at]));
  const fields = parts.map(({ one, times }) => {
    // A table of labels has a moment many times over: rows are then as good as times.
    const isSeries = new Set(times).size === times.length;
    return { ...one, values: isSeries ? onto(one.values, times, places) : one.values };
  });
  return { x, fields };
}

/** @param {any[]} values @param {number[]} times @param {Map<number, number>} places */
function onto(values, times, places) {
  /** @type {Array<number | null | undefined>} */
  const wide = new Array(places.size).fill(undefined);
  values.forEach((value, row) => {
    const at = places.get(times[row]);
    if (at !== undefined) wide[at] = typeof value === 'number' ? value : null;
  });
  return wide;
}
