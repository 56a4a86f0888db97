// Transformations that make one frame of several.
import { column, compareValues, numberEqualNames, rowCount } from '../dataframe.js';

/** @typedef {import('../dataframe.js').Column} Column */
/** @typedef {import('../dataframe.js').DataFrame} DataFrame */

/** Text that keeps values of different types apart. @param {any[]} values */
const keyOf = (values) => JSON.stringify(values);

/**
 * All frames as one: rows with equal values in the columns that every frame has become one row when nothing else speaks against it.
 * @param {DataFrame[]} frames
 * @returns {DataFrame[]}
 */
export function merge(frames) {
  const filled = frames.filter((frame) => frame.columns.length > 0);
  if (filled.length < 2) return filled.length === 1 ? filled : frames;
  const columns = new Map(filled.flatMap((frame) => frame.columns).map((one) => [one.name, one]));
  const shared = [...columns.keys()].filter((name) => filled.every((frame) => frame.columns.some((one) => one.name === name)));
  /** @type {Map<string, Record<string, any>[]>} */
  const byKey = new Map();
  /** @type {Record<string, any>[]} */
  const rows = [];
  for (const frame of filled) {
    for (let at = 0; at < rowCount(frame); at++) {
      const row = Object.fromEntries(frame.columns.map((one) => [one.name, one.values[at]]));
      const key = keyOf(shared.map((name) => row[name]));
      const alike = byKey.get(key) ?? [];
      byKey.set(key, alike);
      const partner = alike.find((other) => Object.keys(row).every((name) => !(name in other) || other[name] === row[name]));
      if (partner) Object.assign(partner, row);
      else {
        alike.push(row);
        rows.push(row);
      }
    }
  }
  return [{ refId: filled[0].refId, name: '', columns: [...columns].map(([name, one]) => ({ ...one, values: rows.map((row) => row[name] ?? null) })) }];
}

/**
 * Rows of all frames with the same value in one column, side by side.
 * @param {DataFrame[]} frames
 * @param {any} options `mode`: outer keeps every key, inner those that all frames have; outerTabular keeps rows that repeat a key
 * @returns {DataFrame[]}
 */
export function joinByField(frames, { byField, mode }) {
  const isKey = (/** @type {Column} */ one) => (byField ? one.name === byField || one.rawName === byField : one.type === 'time');
  const joined = frames.flatMap((frame) => {
    const key = frame.columns.find(isKey);
    return key ? [{ frame, key, rows: rowsByKey(key, mode === 'inner' || mode === 'outerTabular') }] : [];
  });
  if (joined.length === 0) return frames;
  const all = new Map(joined.flatMap(({ key }) => key.values.map((value) => [keyOf([value]), value])));
  const wanted = [...all].filter(([key]) => mode !== 'inner' || joined.every(({ rows }) => rows.has(key))).sort((a, b) => compareValues(a[1], b[1], false));
  /** Row of each frame in each line of the result. @type {{value: any, at: number[]}[]} */
  const lines = wanted.flatMap(([key, value]) => combine(joined.map(({ rows }) => rows.get(key) ?? [-1])).map((at) => ({ value, at })));
  const keyColumn = { ...joined[0].key, values: lines.map((line) => line.value) };
  const others = joined.flatMap(({ frame, key }, n) =>
    frame.columns.filter((one) => one !== key).map((one) => ({ ...one, values: lines.map(({ at }) => (at[n] < 0 ? null : one.values[at[n]])) })),
  );
  return [{ refId: joined[0].frame.refId, name: 'joined', columns: [keyColumn, ...numberEqualNames(others)] }];
}

/** @param {Column} key @param {boolean} keepsAll @returns {Map<string, number[]>} */
function rowsByKey(key, keepsAll) {
  /** @type {Map<string, number[]>} */
  const rows = new Map();
  key.values.forEach((value, at) => {
    const text = keyOf([value]);
    rows.set(text, keepsAll ? [...(rows.get(text) ?? []), at] : [at]);
  });
  return rows;
}

/** Every choice of one out of each list. @param {number[][]} lists @returns {number[][]} */
function combine(lists) {
  return lists.reduce((/** @type {number[][]} */ lines, list) => lines.flatMap((line) => list.map((at) => [...line, at])), [[]]);
}

/** One column a value of the label `value`, rows by the labels in `join`. @param {DataFrame[]} frames @param {any} options @returns {DataFrame[]} */
export function joinByLabels(frames, { value, join }) {
  const series = frames.flatMap((frame) => frame.columns).filter((one) => one.type === 'number' && one.labels[value] !== undefined);
  if (series.length === 0) return frames;
  const given = Array.isArray(join) && join.length > 0 ? join : [...new Set(series.flatMap((one) => Object.keys(one.labels)))];
  const names = given.filter((/** @type {string} */ name) => name !== value);
  /** @type {Map<string, {labels: Record<string, string>, cells: Map<string, any[]>, height: number}>} */
  const groups = new Map();
  for (const one of series) {
    const key = keyOf(names.map((/** @type {string} */ name) => one.labels[name] ?? ''));
    const group = groups.get(key) ?? { labels: one.labels, cells: new Map(), height: 0 };
    groups.set(key, group);
    group.cells.set(one.labels[value], one.values);
    group.height = Math.max(group.height, one.values.length);
  }
  const heads = [...new Set(series.map((one) => one.labels[value]))];
  const rows = [...groups.values()].flatMap((group) => Array.from({ length: group.height }, (_, at) => ({ group, at })));
  const columns = [
    ...names.map((/** @type {string} */ name) => column(name, 'string', rows.map(({ group }) => group.labels[name] ?? ''))),
    ...heads.map((head) => column(head, 'number', rows.map(({ group, at }) => group.cells.get(head)?.[at] ?? null), series[0].refId)),
  ];
  return [{ refId: series[0].refId, name: '', columns }];
}

/** All columns side by side, row by row. @param {DataFrame[]} frames @returns {DataFrame[]} */
export function concatenate(frames) {
  if (frames.length < 2) return frames;
  const height = Math.max(...frames.map(rowCount));
  const columns = frames.flatMap((frame) => frame.columns).map((one) => ({ ...one, values: Array.from({ length: height }, (_, at) => one.values[at] ?? null) }));
  return [{ refId: frames[0].refId, name: '', columns: numberEqualNames(columns) }];
}
