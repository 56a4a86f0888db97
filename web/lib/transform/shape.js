// Transformations that turn frames into another shape.
import { column, guessType, rowCount } from '../dataframe.js';
import { reduce } from '../calcs.js';
import { histogramOf } from '../histogram.js';
import { joinByField } from './join.js';
import { named } from './rows.js';

/** @typedef {import('../dataframe.js').Column} Column */
/** @typedef {import('../dataframe.js').DataFrame} DataFrame */

/** Series as one wide frame, as one frame each, or as one long table. @param {DataFrame[]} frames @param {any} options @returns {DataFrame[]} */
export function prepareTimeSeries(frames, { format }) {
  const series = frames.filter((frame) => frame.columns.some((one) => one.type === 'time'));
  if (format === 'wide') return joinByField(series, {});
  if (format !== 'long') return series.flatMap(splitSeries);
  const names = [...new Set(series.flatMap((frame) => frame.columns.flatMap((one) => Object.keys(one.labels).sort())))];
  const rows = series.flatMap(splitSeries).flatMap(({ columns: [time, value] }) => value.values.map((one, at) => ({ time: time.values[at], labels: value.labels, value: one })));
  rows.sort((a, b) => a.time - b.time);
  const refId = series[0]?.refId ?? '';
  return [{ refId, name: '', columns: [
    column('Time', 'time', rows.map((row) => row.time), refId),
    column('Value', 'number', rows.map((row) => row.value), refId),
    ...names.map((name) => column(name, 'string', rows.map((row) => row.labels[name] ?? ''), refId)),
  ] }];
}

/** @param {DataFrame} frame @returns {DataFrame[]} */
function splitSeries(frame) {
  const time = frame.columns.find((one) => one.type === 'time');
  return time ? frame.columns.filter((one) => one.type === 'number').map((one) => ({ ...frame, name: one.name, columns: [time, one] })) : [];
}

/** What stands in an empty cell of a matrix. @type {Record<string, any>} */
const EMPTY = { empty: '', null: null, true: true, false: false, zero: 0 };

/** Values of one column become the heads of columns, of another the rows. @param {DataFrame[]} frames @param {any} options @returns {DataFrame[]} */
export function groupingToMatrix(frames, { columnField, rowField, valueField, emptyValue }) {
  if (frames.length !== 1) return frames;
  const [frame] = frames;
  const names = [columnField ?? 'Time', rowField ?? 'Time', valueField ?? 'Value'];
  const [across, down, value] = names.map((name) => named(frame.columns, name));
  if (!across || !down || !value) return frames;
  const heads = [...new Set(across.values)];
  const rows = [...new Set(down.values)];
  const cells = new Map(value.values.map((one, at) => [JSON.stringify([across.values[at], down.values[at]]), one]));
  const empty = Object.hasOwn(EMPTY, String(emptyValue)) ? EMPTY[String(emptyValue)] : '';
  return [{ ...frame, columns: [
    { ...down, name: `${names[1]}\\${names[0]}`, rawName: `${names[1]}\\${names[0]}`, values: rows },
    ...heads.map((head) => ({ ...value, name: String(head), rawName: String(head), labels: {}, values: rows.map((row) => cells.get(JSON.stringify([head, row])) ?? empty) })),
  ] }];
}

/** Rows become columns. @param {DataFrame[]} frames @param {any} options @returns {DataFrame[]} */
export function transpose(frames, { firstFieldName, restFieldsName }) {
  return frames.map((frame) => {
    const [first, ...rest] = frame.columns;
    if (!first) return frame;
    const columns = first.values.map((head, at) => {
      const values = rest.map((one) => one.values[at] ?? null);
      return column(restFieldsName ? `${restFieldsName} ${at + 1}` : String(head), guessType(values), values, frame.refId);
    });
    return { ...frame, columns: [column(firstFieldName || first.name, 'string', rest.map((one) => one.name), frame.refId), ...columns] };
  });
}

/** How often values fall into each span. @param {DataFrame[]} frames @param {any} options @returns {DataFrame[]} */
export function histogram(frames, options) {
  const numbers = frames.flatMap((frame) => frame.columns).filter((one) => one.type === 'number');
  const found = histogramOf(numbers.map((one) => one.values), options);
  if (!found) return frames;
  const counts = options.combine === true ? [column('count', 'number', found.total)] : numbers.map((one, i) => ({ ...one, values: found.counts[i] }));
  return [{ refId: numbers[0].refId, name: 'histogram', columns: [column('xMin', 'number', found.low), column('xMax', 'number', found.high), ...counts] }];
}

/** Settings that can be read out of data. */
const SETTINGS = new Set(['unit', 'min', 'max', 'decimals', 'displayName', 'color', 'noValue']);

/** The answer of one query sets unit, ends and the like of the others'. @param {DataFrame[]} frames @param {any} options @returns {DataFrame[]} */
export function configFromData(frames, { configRefId, mappings, applyTo }) {
  const source = frames.find((frame) => frame.refId === (configRefId ?? 'config'));
  if (!source || rowCount(source) === 0) return frames;
  /** @type {Record<string, any>} */
  const config = {};
  const given = new Map((Array.isArray(mappings) ? mappings : []).map((/** @type {any} */ one) => [one?.fieldName, one]));
  for (const one of source.columns) {
    const rule = given.get(one.name) ?? given.get(one.rawName);
    const key = rule?.handlerKey ?? one.name.toLowerCase();
    if (!SETTINGS.has(key)) continue;
    const value = one.type === 'number' ? reduce(String(rule?.reducerId ?? 'lastNotNull'), one.values) : one.values[one.values.length - 1];
    config[key] = key === 'color' ? { mode: 'fixed', fixedColor: value } : value;
  }
  const isMeant = (/** @type {Column} */ one) => one.type === 'number' && (applyTo?.id !== 'byName' || one.name === applyTo.options);
  return frames.filter((frame) => frame !== source).map((frame) => ({ ...frame, columns: frame.columns.map((one) => (isMeant(one) ? { ...one, config: { ...one.config, ...config } } : one)) }));
}
