// Data frames: columns of equal length, as transformations and tables want them. Frames of series share one x; these need not. Pure.

/**
 * @typedef {object} Column
 * @property {string} name      as shown
 * @property {string} rawName   before legends and renaming: "Value", "Time", a label's name
 * @property {'time' | 'number' | 'string' | 'boolean' | 'series'} type `series`: each cell is a small series of its own
 * @property {any[]} values
 * @property {Record<string, string>} labels
 * @property {string} refId
 * @property {number} [stepMs]
 * @property {Record<string, any>} [config] properties that a transformation sets, as overrides name them
 *
 * @typedef {object} DataFrame
 * @property {string} refId
 * @property {string} name
 * @property {Column[]} columns
 *
 * @typedef {object} RawSeries a series of an answer, named
 * @property {string} refId
 * @property {string} name
 * @property {string} format
 * @property {Record<string, string>} labels
 * @property {ReadonlyArray<number | null | undefined>} values
 * @property {number} stepMs
 * @property {boolean} [tagged] whether the values of a table carry their query's name even when it is the only one
 */

/**
 * A column without labels.
 * @param {string} name
 * @param {Column['type']} type
 * @param {any[]} values
 * @param {string} [refId]
 * @returns {Column}
 */
export function column(name, type, values, refId = '') {
  return { name, rawName: name, type, values, labels: {}, refId };
}

/** @param {DataFrame} frame */
export const rowCount = (frame) => frame.columns[0]?.values.length ?? 0;

/** The same rows in another order, or fewer of them. @template {Column} T @param {T[]} columns @param {number[]} order @returns {T[]} */
export function pickRows(columns, order) {
  return columns.map((one) => ({ ...one, values: order.map((at) => one.values[at]) }));
}

/** What a value is, by itself. @param {unknown} value @returns {'number' | 'string' | 'boolean'} */
function typeOf(value) {
  return typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'string';
}

/** The type of a column, by its first value. @param {any[]} values */
export function guessType(values) {
  return typeOf(values.find((value) => value !== null && value !== undefined) ?? '');
}

/**
 * Names that occur more than once in a frame are numbered, all of them, from 1.
 * @param {Column[]} columns
 * @returns {Column[]}
 */
export function numberEqualNames(columns) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { name } of columns) counts.set(name, (counts.get(name) ?? 0) + 1);
  /** @type {Map<string, number>} */
  const met = new Map();
  return columns.map((one) => {
    if ((counts.get(one.name) ?? 0) < 2) return one;
    const nth = (met.get(one.name) ?? 0) + 1;
    met.set(one.name, nth);
    return { ...one, name: `${one.name} ${nth}` };
  });
}

/**
 * The frames of a panel's answers: one a series, or one a query where the query asks for a table.
 * @param {ReadonlyArray<RawSeries>} list in the order of targets, then of the answers
 * @param {number[]} x
 * @param {number} tableCount queries of the panel that ask for a table: beyond one the values carry their query's name
 * @returns {DataFrame[]}
 */
export function dataFrames(list, x, tableCount) {
  /** @type {DataFrame[]} */
  const frames = [];
  /** @type {Set<string>} */
  const tables = new Set();
  for (const series of list) {
    if (series.format !== 'table') frames.push(seriesFrame(series, x));
    else if (!tables.has(series.refId)) {
      tables.add(series.refId);
      frames.push(tableFrame(list.filter((one) => one.refId === series.refId), x, tableCount > 1 || series.tagged === true));
    }
  }
  return frames;
}

/** @param {RawSeries} series @param {number[]} x @returns {DataFrame} */
function seriesFrame({ refId, name, labels, values, stepMs }, x) {
  const at = x.map((_, i) => i).filter((i) => values[i] !== undefined);
  const time = column('Time', 'time', at.map((i) => x[i]), refId);
  const value = { ...column(name, 'number', at.map((i) => values[i]), refId), rawName: 'Value', labels, stepMs };
  return { refId, name, columns: [time, value] };
}

/** Every point of every series is a row. @param {RawSeries[]} list of one query @param {number[]} x @param {boolean} several @returns {DataFrame} */
function tableFrame(list, x, several) {
  const { refId } = list[0];
  const names = [...new Set(list.flatMap((series) => Object.keys(series.labels).sort()))];
  /** @type {{time: number, labels: Record<string, string>, value: number | null}[]} */
  const rows = [];
  for (const { labels, values } of list) {
    values.forEach((value, i) => {
      if (value !== null && value !== undefined) rows.push({ time: x[i], labels, value });
    });
  }
  return {
    refId,
    name: refId,
    columns: [
      column('Time', 'time', rows.map((row) => row.time), refId),
      ...names.map((name) => column(name, 'string', rows.map((row) => row.labels[name] ?? ''), refId)),
      { ...column(several ? `Value #${refId}` : 'Value', 'number', rows.map((row) => row.value), refId), rawName: 'Value' },
    ],
  };
}

/**
 * Compares for sorting; missing values last, whichever way.
 * @param {any} a @param {any} b @param {boolean} desc
 */
export function compareValues(a, b, desc) {
  const [noA, noB] = [isMissing(a), isMissing(b)];
  if (noA || noB) return noA === noB ? 0 : noA ? 1 : -1;
  const difference = typeof a === 'number' && typeof b === 'number' ? a - b : textOf(a).localeCompare(textOf(b), undefined, { numeric: true });
  return desc ? -difference : difference;
}

/** @param {any} value */
const isMissing = (value) => value === null || value === undefined || Number.isNaN(value);

/** A cell that is a series of its own counts by its last value. @param {any} value */
const textOf = (value) => String(value?.stat ?? value);
