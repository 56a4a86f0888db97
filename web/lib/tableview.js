// What a table shows of a frame: which columns, which rows in which order, what stands in its footer. Pure.
import { reduceAny } from './transform/reduce.js';
import { calcName } from './calcs.js';
import { compareValues } from './dataframe.js';

/** @typedef {import('./shown.js').ShownColumn} ShownColumn */
/** @typedef {import('./shown.js').ShownFrame} ShownFrame */
/** @typedef {{by: string, desc: boolean}} Sort */

/** More rows than this are not drawn at once; the table says how many there are. */
export const ROWS_MAX = 2000;

/** The columns to be seen. @param {ShownFrame | undefined} frame @returns {ShownColumn[]} */
export function visibleColumns(frame) {
  return (frame?.columns ?? []).filter(({ config: { custom } }) => custom.hidden !== true && custom.hideFrom?.viz !== true);
}

/** Sorted as the file says until the reader does; old files name a column by its place. @param {any} options @param {ShownColumn[]} columns @returns {Sort} */
export function firstSort(options, columns) {
  const first = Array.isArray(options?.sortBy) ? options.sortBy[0] : undefined;
  const name = first?.displayName || columns[first?.column]?.name || '';
  return { by: String(name), desc: first?.desc === true };
}

/**
 * Places of the rows to show, in order.
 * @param {ShownColumn[]} columns
 * @param {Sort} sort
 * @param {Record<string, string>} filters by column: a text that cells must hold
 * @param {(column: ShownColumn, row: number) => string} textOf what a cell shows
 * @returns {number[]}
 */
export function shownRows(columns, sort, filters, textOf) {
  const wanted = columns.flatMap((one) => (filters[one.name] ? [{ one, text: filters[one.name].toLowerCase() }] : []));
  const by = columns.find((one) => one.name === sort.by);
  const rows = Array.from({ length: columns[0]?.values.length ?? 0 }, (_, row) => row);
  const kept = wanted.length === 0 ? rows : rows.filter((row) => wanted.every(({ one, text }) => textOf(one, row).toLowerCase().includes(text)));
  return by ? kept.sort((a, b) => compareValues(by.values[a], by.values[b], sort.desc) || a - b) : kept;
}

/** Up, down, as the file says. @param {Sort} sort @param {string} name @returns {Sort} */
export function nextSort(sort, name) {
  if (sort.by !== name) return { by: name, desc: false };
  return sort.desc ? { by: '', desc: false } : { by: name, desc: true };
}

/**
 * One cell a column: what the calculation gives for its numbers; the first that has none says which calculation it is.
 * @param {any} options `options.footer` of the panel
 * @param {ShownColumn[]} columns
 * @param {number[]} rows those that are shown
 * @returns {({label: string} | {value: number | null} | null)[] | null} null when there is no footer
 */
export function footerCells(options, columns, rows) {
  const footer = options?.footer ?? {};
  if (footer.show !== true || columns.length === 0) return null;
  const reducer = String(Array.isArray(footer.reducer) ? (footer.reducer[0] ?? 'sum') : (footer.reducer ?? 'sum'));
  if (footer.countRows === true && reducer === 'count') return columns.map((_, at) => (at === 0 ? { label: `Count ${rows.length}` } : null));
  const names = Array.isArray(footer.fields) && footer.fields.length > 0 ? footer.fields : null;
  const isMeant = (/** @type {ShownColumn} */ one) => one.type === 'number' && (!names || names.includes(one.name) || names.includes(one.rawName));
  const labelled = columns.findIndex((one) => !isMeant(one));
  return columns.map((one, at) => {
    if (isMeant(one)) return { value: /** @type {number | null} */ (reduceAny(reducer, rows.map((row) => one.values[row]))) };
    return at === labelled ? { label: calcName(reducer) } : null;
  });
}

/** Columns to the right hold numbers unless the file says otherwise. @param {ShownColumn} one @returns {'left' | 'center' | 'right'} */
export function alignOf({ type, config }) {
  const given = config.custom.align;
  if (given === 'left' || given === 'center' || given === 'right') return given;
  return type === 'number' ? 'right' : 'left';
}

/**
 * How the cells of a column are drawn; older files say it in other words.
 * @param {ShownColumn} one
 * @returns {{type: string, mode: string, applyToRow: boolean, wrap: boolean, valueMode: string}}
 */
export function cellLook({ type, config }) {
  const { cellOptions = {}, displayMode } = config.custom;
  const [kind, mode] = typeof displayMode === 'string' && !cellOptions.type ? oldLook(displayMode) : [cellOptions.type, cellOptions.mode];
  return {
    type: type === 'series' ? 'sparkline' : String(kind ?? 'auto'),
    mode: String(mode ?? 'basic'),
    applyToRow: cellOptions.applyToRow === true,
    wrap: cellOptions.wrapText === true || config.custom.wrapText === true,
    valueMode: String(cellOptions.valueDisplayMode ?? 'color'),
  };
}

/** @param {string} word @returns {[string, string]} */
function oldLook(word) {
  if (word === 'gradient-gauge') return ['gauge', 'gradient'];
  if (word === 'lcd-gauge') return ['gauge', 'lcd'];
  if (word === 'basic') return ['gauge', 'basic'];
  if (word === 'color-background') return ['color-background', 'gradient'];
  return word === 'color-background-solid' ? ['color-background', 'basic'] : [word, 'basic'];
}
