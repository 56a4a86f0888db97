// Values for stat, gauge, bar gauge and pie: each chosen field reduced to one number, or each row of a table; with how it looks. Pure.
import { reduce } from '../lib/calcs.js';
import { display, fieldExtent } from '../lib/display.js';
import { resolveLinks } from '../lib/links.js';
import { mapValue, readRegex } from '../lib/thresholds.js';
import { resolveColor } from '../lib/color.js';

/** @typedef {import('../lib/frames.js').Field} Field */
/** @typedef {import('../lib/frames.js').Frames} Frames */
/** @typedef {import('../lib/shown.js').ShownColumn} ShownColumn */
/** @typedef {import('../lib/color.js').Theme} Theme */

/**
 * @typedef {object} Reduced
 * @property {string} key
 * @property {Field} field
 * @property {number | null} value
 * @property {import('../lib/display.js').Display} display
 * @property {{min: number, max: number}} extent
 * @property {{name: string, text: string}[]} row the cells beside it, where values are rows of a table
 */

/** More tiles than this nobody reads, and a page of them stops being one. */
const TILES_MAX = 200;
/** Rows that become tiles when the panel does not say. */
const ROWS_DEFAULT = 25;

/**
 * @param {any} panel
 * @param {Frames} frames
 * @param {Theme} theme
 * @returns {Reduced[]}
 */
export function reducedFields(panel, frames, theme) {
  const options = panel?.options?.reduceOptions ?? {};
  if (options.values === true) return rowTiles(options, frames, theme);
  const calc = String(Array.isArray(options.calcs) ? (options.calcs[0] ?? 'lastNotNull') : 'lastNotNull');
  const chosen = frames.fields.filter((field) => isChosen(field, options.fields)).slice(0, TILES_MAX);
  const texts = textTiles(frames, options.fields, calc, theme);
  if (texts.length > 0 || chosen.length === 0) return [...texts, ...(chosen.length > 0 ? numberTiles(chosen, frames, calc, theme) : labelTiles(frames, options.fields, theme, texts))];
  return numberTiles(chosen, frames, calc, theme);
}

/** @param {Field[]} chosen @param {Frames} frames @param {string} calc @param {Theme} theme @returns {Reduced[]} */
function numberTiles(chosen, frames, calc, theme) {
  return chosen.map((field, i) => {
    const value = calc === 'name' ? null : calc === 'last_time' ? lastTime(field, frames.x) : reduce(calc, field.values);
    const extent = fieldExtent(field, frames.fields);
    return { key: `${field.refId}|${field.name}|${i}`, field, value, extent, row: [], display: display(field, lastIsNaN(field, calc) && value === null ? NaN : value, extent, theme) };
  });
}

/** @param {Field} field @param {number[]} x */
function lastTime(field, x) {
  const at = field.values.findLastIndex((value) => value !== null && value !== undefined);
  return at < 0 ? null : x[at];
}

/** A tile a row: the first column of text names it. @param {any} options @param {Frames} frames @param {Theme} theme @returns {Reduced[]} */
function rowTiles({ fields, limit }, frames, theme) {
  const most = Math.min(TILES_MAX, Number(limit) > 0 ? Number(limit) : ROWS_DEFAULT);
  const tiles = frames.tables.flatMap((table, t) => {
    const shown = table.columns.filter((one) => one.config.custom.hidden !== true && one.config.custom.hideFrom?.viz !== true);
    const values = shown.filter((one) => (typeof fields === 'string' && fields !== '' ? one.type !== 'time' && isChosen(one, fields) : one.type === 'number'));
    const names = shown.filter((one) => one.type === 'string' && !values.includes(one));
    const rows = Array.from({ length: shown[0]?.values.length ?? 0 }, (_, row) => row).slice(0, most);
    return rows.flatMap((row) => values.map((one) => rowTile(one, row, { shown, names, many: values.length > 1, theme, key: `${t}` })));
  });
  return tiles.slice(0, TILES_MAX);
}

/** @param {ShownColumn} one @param {number} row @param {{shown: ShownColumn[], names: ShownColumn[], many: boolean, theme: Theme, key: string}} context @returns {Reduced} */
function rowTile(one, row, { shown, names, many, theme, key }) {
  const named = names.map((other) => String(other.values[row] ?? '')).filter(Boolean).join(' ');
  const name = named === '' ? one.name : many ? `${named} ${one.name}` : named;
  const cells = shown.map((other) => ({ name: other.name, text: String(other.values[row] ?? '') }));
  const raw = one.values[row];
  const extent = fieldExtent(one, shown.filter((other) => other.type === 'number'));
  const field = { ...one, name, values: [raw], index: one.index + row };
  if (one.type !== 'number') return { ...textTile(one, raw, theme, `${key}|${row}|${one.name}`), row: cells };
  return { key: `${key}|${row}|${one.name}`, field, value: typeof raw === 'number' ? raw : null, extent, row: cells, display: display(field, raw, extent, theme) };
}

/** Columns of text that the panel asks for by name. @param {Frames} frames @param {unknown} wanted @param {string} calc @param {Theme} theme @returns {Reduced[]} */
function textTiles(frames, wanted, calc, theme) {
  if (typeof wanted !== 'string' || wanted === '') return [];
  const columns = frames.tables.flatMap((table) => table.columns).filter((one) => (one.type === 'string' || one.type === 'boolean') && isChosen(one, wanted));
  return columns.slice(0, TILES_MAX).map((one, i) => {
    const known = one.values.filter((value) => value !== null && value !== undefined);
    return textTile(one, calc.startsWith('first') ? known[0] : known[known.length - 1], theme, `${one.refId}|${one.name}|${i}`);
  });
}

/** @param {ShownColumn} one @param {unknown} value @param {Theme} theme @param {string} key @returns {Reduced} */
function textTile(one, value, theme, key) {
  const extent = { min: 0, max: 100 };
  const mapped = mapValue(value, one.config.mappings);
  const plain = display({ ...one, values: [] }, null, extent, theme);
  const text = mapped?.text ?? (value === null || value === undefined ? (one.config.noValue ?? '') : String(value));
  return { key, field: { ...one, values: [] }, value: null, extent, row: [], display: { ...plain, prefix: '', text, suffix: '', color: mapped?.color ? resolveColor(mapped.color, theme) : plain.color } };
}

/** Tables of old: the chosen "field" is a label, whose text is shown ("version"). @param {Frames} frames @param {unknown} wanted @param {Theme} theme @param {Reduced[]} texts @returns {Reduced[]} */
function labelTiles(frames, wanted, theme, texts) {
  if (typeof wanted !== 'string' || texts.length > 0) return [];
  const pattern = wanted.startsWith('/') ? readRegex(wanted) : null;
  return frames.fields.slice(0, TILES_MAX).flatMap((field, i) => {
    const label = Object.keys(field.labels).find((key) => key === wanted || pattern?.test(key));
    if (label === undefined) return [];
    const column = /** @type {any} */ ({ ...field, name: label });
    return [textTile(column, field.labels[label], theme, `${field.refId}|${label}|${i}`)];
  });
}

/** A column of nothing but NaN is shown as NaN (and may be mapped), not as empty. @param {Field} field @param {string} calc */
function lastIsNaN(field, calc) {
  return calc.startsWith('last') && Number.isNaN(field.values.filter((value) => value !== null && value !== undefined).at(-1));
}

/** @param {{name: string, rawName: string}} field @param {unknown} wanted */
function isChosen(field, wanted) {
  if (typeof wanted !== 'string' || wanted === '') return true;
  const pattern = wanted.startsWith('/') ? readRegex(wanted) : null;
  return pattern ? pattern.test(field.name) || pattern.test(field.rawName) : field.name === wanted || field.rawName === wanted;
}

/** Where a value leads. @param {Reduced} one @param {import('../lib/interpolate.js').Variables} variables */
export function linksOf(one, variables) {
  const text = `${one.display.prefix}${one.display.text}${one.display.suffix}`;
  return resolveLinks(one.field.config.links, variables, { name: one.field.name, labels: one.field.labels, text, raw: one.value, row: one.row });
}

