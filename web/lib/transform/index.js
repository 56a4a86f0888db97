// A panel's transformations, in the order of the file: each takes frames and gives frames (dashboard specification, part 11). Pure.
import { calculateField } from './calculate.js';
import { convertFieldType, extractFields, filterByName, filterByRefId, formatTime, labelsToFields, organize, renameByRegex } from './fields.js';
import { groupBy, reduceFrames, timeSeriesTable } from './reduce.js';
import { concatenate, joinByField, joinByLabels, merge } from './join.js';
import { filterByValue, limit, partitionByValues, seriesToRows, sortBy } from './rows.js';
import { configFromData, groupingToMatrix, histogram, prepareTimeSeries, transpose } from './shape.js';

/** @typedef {import('../dataframe.js').DataFrame} DataFrame */
/** @typedef {import('../interpolate.js').Variables} Variables */
/** @typedef {(frames: DataFrame[], options: any, variables: Variables) => DataFrame[]} Transform */

/** @type {Record<string, Transform>} */
const TRANSFORMS = {
  organize,
  merge,
  joinByField,
  seriesToColumns: joinByField,
  labelsToFields,
  seriesToRows,
  filterFieldsByName: filterByName,
  filterByRefId,
  renameByRegex,
  sortBy,
  limit,
  groupBy,
  reduce: reduceFrames,
  calculateField,
  timeSeriesTable,
  prepareTimeSeries,
  filterByValue,
  groupingToMatrix,
  extractFields,
  convertFieldType,
  formatTime,
  joinByLabels,
  configFromData,
  concatenate,
  histogram,
  partitionByValues,
  transpose,
};

/** Whether we know what a transformation does. @param {unknown} id */
export const isKnownTransform = (id) => Object.hasOwn(TRANSFORMS, String(id));

/** The transformations of a panel that are switched on and about its series. @param {any} panel @returns {any[]} */
export function activeTransforms(panel) {
  const list = Array.isArray(panel?.transformations) ? panel.transformations : [];
  return list.filter((/** @type {any} */ one) => one && one.disabled !== true && (one.topic ?? 'series') === 'series');
}

/**
 * @param {DataFrame[]} frames
 * @param {any} panel
 * @param {Variables} variables
 * @returns {DataFrame[]}
 */
export function transformFrames(frames, panel, variables) {
  let current = frames;
  for (const one of activeTransforms(panel)) {
    if (!isKnownTransform(one.id)) continue;
    const isMeant = filterOf(one.filter);
    const meant = current.filter(isMeant);
    const rest = current.filter((frame) => !isMeant(frame));
    current = [...TRANSFORMS[one.id](meant, one.options ?? {}, variables), ...rest];
  }
  return current;
}

/** Which frames a transformation is about. @param {any} filter @returns {(frame: DataFrame) => boolean} */
function filterOf(filter) {
  if (!filter || !/refid/i.test(String(filter.id))) return () => true;
  const wanted = filter.options;
  const text = typeof wanted === 'string' ? wanted : '';
  const pattern = /^\/.*\/$/.test(text) ? text.slice(1, -1) : '';
  try {
    const re = pattern === '' ? null : new RegExp(pattern);
    return (frame) => (re ? re.test(frame.refId) : Array.isArray(wanted) ? wanted.includes(frame.refId) : text === '' || frame.refId === text);
  } catch {
    return () => true;
  }
}
