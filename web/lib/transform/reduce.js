// Transformations that bring many values down to few.
import { calcName, reduce } from '../calcs.js';
import { column, compareValues, guessType, rowCount } from '../dataframe.js';

/** @typedef {import('../dataframe.js').Column} Column */
/** @typedef {import('../dataframe.js').DataFrame} DataFrame */

/** A calculation over any column: numbers are reduced, of the rest only places and counts have a meaning. @param {string} id @param {any[]} values */
export function reduceAny(id, values) {
  if (id === 'allValues') return values.join(', ');
  if (id === 'uniqueValues') return [...new Set(values)].join(', ');
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.every((value) => typeof value === 'number')) return reduce(id, values);
  if (id === 'count') return known.length;
  if (id === 'distinctCount') return new Set(known).size;
  if (id === 'min' || id === 'max') return [...known].sort((a, b) => compareValues(a, b, id === 'max'))[0] ?? null;
  return (id.startsWith('first') ? known[0] : known[known.length - 1]) ?? null;
}

/** @param {any} options @returns {string[]} */
const reducersOf = (options) => (Array.isArray(options.reducers) && options.reducers.length > 0 ? options.reducers.map(String) : ['max']);

/** A row a series with one column a calculation; or each column brought down to one value. @param {DataFrame[]} frames @param {any} options @returns {DataFrame[]} */
export function reduceFrames(frames, options) {
  const reducers = reducersOf(options);
  if (options.mode === 'reduceFields') return frames.map((frame) => ({ ...frame, columns: frame.columns.flatMap((one) => reducedColumns(one, reducers, options)) }));
  const series = frames.flatMap((frame) => frame.columns).filter((one) => one.type === 'number' || (options.includeTimeField === true && one.type === 'time'));
  const labels = options.labelsToFields === true ? [...new Set(series.flatMap((one) => Object.keys(one.labels).sort()))] : [];
  const refId = series[0]?.refId ?? '';
  const columns = [
    column('Field', 'string', series.map((one) => (labels.length > 0 ? one.rawName : one.name)), refId),
    ...labels.map((label) => column(label, 'string', series.map((one) => one.labels[label] ?? ''), refId)),
    ...reducers.map((id) => {
      const values = series.map((one) => reduceAny(id, one.values));
      return column(calcName(id), guessType(values) === 'string' && values.some((value) => value !== null) ? 'string' : 'number', values, refId);
    }),
  ];
  return [{ refId, name: '', columns }];
}

/** @param {Column} one @param {string[]} reducers @param {any} options @returns {Column[]} */
function reducedColumns(one, reducers, options) {
  if (one.type !== 'number' && !(one.type === 'time' && options.includeTimeField === true)) return [];
  return reducers.map((id) => ({ ...one, name: reducers.length > 1 ? `${one.name} ${calcName(id)}` : one.name, values: [reduceAny(id, one.values)] }));
}

/** @param {DataFrame[]} frames @param {any} options @returns {DataFrame[]} */
export function groupBy(frames, { fields }) {
  const wanted = Object.entries(fields ?? {});
  return frames.flatMap((frame) => {
    const keys = frame.columns.filter((one) => wanted.some(([name, how]) => name === one.name && /** @type {any} */ (how)?.operation === 'groupby'));
    if (keys.length === 0) return [];
    /** @type {Map<string, number[]>} */
    const groups = new Map();
    for (let at = 0; at < rowCount(frame); at++) {
      const key = JSON.stringify(keys.map((one) => one.values[at]));
      const rows = groups.get(key);
      if (rows) rows.push(at);
      else groups.set(key, [at]);
    }
    const rows = [...groups.values()];
    const grouped = keys.map((one) => ({ ...one, values: rows.map(([first]) => one.values[first]) }));
    const counted = wanted.flatMap(([name, how]) => aggregated(frame, name, how, rows));
    return [{ ...frame, columns: [...grouped, ...counted] }];
  });
}

/** @param {DataFrame} frame @param {string} name @param {any} how @param {number[][]} rows @returns {Column[]} */
function aggregated(frame, name, how, rows) {
  const from = frame.columns.find((one) => one.name === name);
  if (!from || how?.operation !== 'aggregate' || !Array.isArray(how.aggregations)) return [];
  return how.aggregations.map((/** @type {string} */ id) => {
    const values = rows.map((row) => reduceAny(id, row.map((at) => from.values[at])));
    const type = from.type === 'time' && !/count/i.test(id) ? 'time' : guessType(values) === 'number' || from.type === 'number' ? 'number' : 'string';
    return { ...from, name: `${name} (${id})`, rawName: `${name} (${id})`, type, values, labels: {} };
  });
}

/** A row a series: its labels, and the series itself as a small line with the number that stands for it. @param {DataFrame[]} frames @param {any} options @returns {DataFrame[]} */
export function timeSeriesTable(frames, options) {
  const refIds = [...new Set(frames.map((frame) => frame.refId))];
  return refIds.flatMap((refId) => {
    const series = frames.filter((frame) => frame.refId === refId).flatMap(({ columns }) => {
      const time = columns.find((one) => one.type === 'time');
      return time ? columns.filter((one) => one.type === 'number').map((one) => ({ one, x: time.values })) : [];
    });
    if (series.length === 0) return frames.filter((frame) => frame.refId === refId);
    const stat = String(options?.[refId]?.stat ?? 'lastNotNull');
    const labels = [...new Set(series.flatMap(({ one }) => Object.keys(one.labels).sort()))];
    const cells = series.map(({ one, x }) => ({ x, values: one.values, stat: reduce(stat, one.values) }));
    const trend = { ...column(`Trend #${refId}`, 'series', cells, refId), rawName: 'Trend' };
    return [{ refId, name: '', columns: [...labels.map((label) => column(label, 'string', series.map(({ one }) => one.labels[label] ?? ''), refId)), trend] }];
  });
}
