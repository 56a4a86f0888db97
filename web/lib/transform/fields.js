// Transformations that choose, name and convert columns.
import { column, guessType, rowCount } from '../dataframe.js';
import { formatDate } from '../dates.js';
import { interpolate, selectedValues } from '../interpolate.js';
import { merge } from './join.js';

/** @typedef {import('../dataframe.js').Column} Column */
/** @typedef {import('../dataframe.js').DataFrame} DataFrame */
/** @typedef {import('../interpolate.js').Variables} Variables */

/** @param {DataFrame[]} frames @param {(columns: Column[], frame: DataFrame) => Column[]} change @returns {DataFrame[]} */
export function eachFrame(frames, change) {
  return frames.map((frame) => ({ ...frame, columns: change(frame.columns, frame) }));
}

/** `/re/flags`, or a bare expression that has to fit the whole text; null when it is none. @param {unknown} given */
export function readPattern(given) {
  const text = String(given ?? '');
  const slashed = /^\/([\s\S]*)\/([a-z]*)$/.exec(text);
  try {
    return text === '' ? null : slashed ? new RegExp(slashed[1], slashed[2]) : new RegExp(`^(?:${text})$`);
  } catch {
    return null;
  }
}

/** Leaves out, orders, renames; the names are those before this step. @param {DataFrame[]} frames @param {any} options */
export function organize(frames, { excludeByName, includeByName, indexByName, renameByName }) {
  const [excluded, included, places, names] = [excludeByName ?? {}, includeByName ?? {}, indexByName ?? {}, renameByName ?? {}];
  const isPicky = Object.values(included).some(Boolean);
  const place = (/** @type {Column} */ one) => (Number.isFinite(places[one.name]) ? places[one.name] : Infinity);
  return eachFrame(frames, (columns) =>
    columns
      .filter((one) => !excluded[one.name] && (!isPicky || included[one.name]))
      .map((one, i) => ({ one, i }))
      .sort((a, b) => (place(a.one) === place(b.one) ? a.i - b.i : place(a.one) - place(b.one)))
      .map(({ one }) => ({ ...one, name: names[one.name] || one.name })),
  );
}

/** @param {DataFrame[]} frames @param {any} options @param {Variables} variables */
export function filterByName(frames, { include, exclude, byVariable }, variables) {
  const isIn = nameMatcher(include, byVariable, variables);
  const isOut = nameMatcher(exclude, byVariable, variables);
  const kept = eachFrame(frames, (columns) => columns.filter((one) => (!isIn || isIn(one)) && !(isOut && isOut(one))));
  return kept.filter((frame) => frame.columns.length > 0);
}

/** @param {any} part @param {unknown} byVariable @param {Variables} variables @returns {((one: Column) => boolean) | null} */
function nameMatcher(part, byVariable, variables) {
  if (!part) return null;
  const names = new Set(byVariable && part.variable ? namesOf(part.variable, variables) : (Array.isArray(part.names) ? part.names : []));
  const pattern = part.pattern ? readPattern(interpolate(part.pattern, variables)) : null;
  if (names.size === 0 && !pattern) return null;
  return (one) => names.has(one.name) || (pattern !== null && new RegExp(pattern.source, pattern.flags.replace('g', '')).test(one.name));
}

/** The values of a variable named as `$x` or `${x}`. @param {string} text @param {Variables} variables */
function namesOf(text, variables) {
  const found = variables[text.replace(/^\$\{?|\}$/g, '')];
  return found !== undefined && typeof found === 'object' && !Array.isArray(found) ? selectedValues(found) : [interpolate(text, variables, 'raw')];
}

/** @param {DataFrame[]} frames @param {any} options */
export function filterByRefId(frames, { include }) {
  const wanted = String(include ?? '').replace(/^\/|\/$/g, '').split('|').filter(Boolean);
  return wanted.length === 0 ? frames : frames.filter((frame) => wanted.includes(frame.refId));
}

/** @param {DataFrame[]} frames @param {any} options @param {Variables} variables */
export function renameByRegex(frames, { regex, renamePattern }, variables) {
  const pattern = readPattern(interpolate(regex, variables));
  if (!pattern) return frames;
  const wanted = interpolate(renamePattern ?? '', variables);
  return eachFrame(frames, (columns) => columns.map((one) => (one.type === 'time' ? one : { ...one, name: one.name.replace(pattern, wanted) })));
}

/** Labels become columns of their own, all series one table; or one table of label and value a series. @param {DataFrame[]} frames @param {any} options */
export function labelsToFields(frames, { mode, valueLabel, keepLabels }) {
  const isKept = (/** @type {string} */ label) => !Array.isArray(keepLabels) || keepLabels.includes(label);
  if (mode === 'rows') {
    return frames.flatMap((frame) =>
      frame.columns.filter((one) => Object.keys(one.labels).length > 0).map((one) => {
        const labels = Object.keys(one.labels).filter(isKept);
        return { ...frame, name: one.name, columns: [column('label', 'string', labels), column('value', 'string', labels.map((label) => one.labels[label]))] };
      }),
    );
  }
  const wide = eachFrame(frames, (columns, frame) => {
    const plain = columns.filter((one) => Object.keys(one.labels).length === 0);
    const labelled = columns.filter((one) => Object.keys(one.labels).length > 0);
    const names = [...new Set(labelled.flatMap((one) => Object.keys(one.labels)))].filter((label) => label !== valueLabel && isKept(label));
    const added = names.map((label) => {
      const value = labelled.find((one) => one.labels[label] !== undefined)?.labels[label] ?? '';
      return column(label, 'string', new Array(rowCount(frame)).fill(value), frame.refId);
    });
    const values = labelled.map((one) => ({ ...one, name: (valueLabel && one.labels[valueLabel]) || one.rawName, labels: {} }));
    return [...plain, ...added, ...values];
  });
  return merge(wide);
}

/** @param {DataFrame[]} frames @param {any} options */
export function convertFieldType(frames, { conversions }) {
  const wanted = new Map((Array.isArray(conversions) ? conversions : []).map((/** @type {any} */ one) => [one?.targetField, one?.destinationType]));
  return eachFrame(frames, (columns) =>
    columns.map((one) => {
      const type = wanted.get(one.name);
      return type in CONVERT ? { ...one, type: /** @type {Column['type']} */ (type === 'enum' ? 'string' : type), values: one.values.map(CONVERT[type]) } : one;
    }),
  );
}

/** @type {Record<string, (value: any) => any>} */
const CONVERT = {
  number: (value) => numberOf(value),
  string: (value) => (value === null || value === undefined ? null : String(value)),
  enum: (value) => (value === null || value === undefined ? null : String(value)),
  boolean: (value) => (value === 'false' || value === '0' ? false : Boolean(value)),
  time: (value) => numberOf(typeof value === 'string' && !/^\d+$/.test(value) ? Date.parse(value) : value),
};

/** @param {unknown} value */
function numberOf(value) {
  const number = value === null || value === undefined || value === '' ? NaN : Number(value);
  return Number.isNaN(number) ? null : number;
}

/** @param {DataFrame[]} frames @param {any} options */
export function formatTime(frames, { timeField, outputFormat, timezone }) {
  const isUtc = String(timezone ?? '').toLowerCase() === 'utc';
  return eachFrame(frames, (columns) =>
    columns.map((one) =>
      one.name !== timeField ? one : { ...one, type: 'string', values: one.values.map((ms) => (ms === null ? null : formatDate(ms, outputFormat || 'YYYY-MM-DD HH:mm:ss', isUtc))) },
    ),
  );
}

/** Takes a text column apart: JSON, `key=value` pairs, or the named groups of an expression. @param {DataFrame[]} frames @param {any} options */
export function extractFields(frames, { source, format, replace, keepTime, regExp, jsonPaths }) {
  return eachFrame(frames, (columns, frame) => {
    const from = columns.find((one) => one.name === source || one.rawName === source);
    if (!from) return columns;
    const read = READERS[format] ?? READERS.auto;
    const paths = (Array.isArray(jsonPaths) ? jsonPaths : []).filter((one) => one?.path);
    const rows = from.values.map((value) => pick(read(value, regExp), paths));
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const added = names.map((name) => {
      const values = rows.map((row) => row[name] ?? null);
      return column(name, guessType(values), values, frame.refId);
    });
    const kept = replace ? columns.filter((one) => keepTime && one.type === 'time') : columns;
    return [...kept, ...added];
  });
}

/** @param {Record<string, any>} row @param {any[]} paths */
function pick(row, paths) {
  if (paths.length === 0) return row;
  const at = (/** @type {string} */ path) => path.split('.').reduce((/** @type {any} */ inner, key) => inner?.[key], row);
  return Object.fromEntries(paths.map(({ path, alias }) => [alias || path, plain(at(path))]));
}

/** @param {any} value a cell holds no objects */
const plain = (value) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : value);

/** @type {Record<string, (value: unknown, pattern?: unknown) => Record<string, any>>} */
const READERS = {
  json: (value) => {
    try {
      const read = JSON.parse(String(value));
      return read !== null && typeof read === 'object' ? Object.fromEntries(Object.entries(read).map(([key, one]) => [key, one])) : {};
    } catch {
      return {};
    }
  },
  kvp: (value) => Object.fromEntries([...String(value ?? '').matchAll(/([\w.-]+)[=:]\s*(?:"([^"]*)"|([^\s,;]+))/g)].map(([, key, quoted, bare]) => [key, quoted ?? bare])),
  regexp: (value, pattern) => readPattern(pattern)?.exec(String(value ?? ''))?.groups ?? {},
  auto: (value) => (/^\s*[{[]/.test(String(value)) ? READERS.json(value) : READERS.kvp(value)),
};
