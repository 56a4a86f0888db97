// Values for stat, gauge and bar gauge: each chosen field reduced to one number, with how it looks. Pure.
import { reduce } from '../lib/calcs.js';
import { display, fieldExtent } from '../lib/display.js';
import { readRegex } from '../lib/thresholds.js';

/** @typedef {import('../lib/frames.js').Field} Field */
/** @typedef {import('../lib/frames.js').Frames} Frames */

/**
 * @typedef {object} Reduced
 * @property {string} key
 * @property {Field} field
 * @property {number | null} value
 * @property {import('../lib/display.js').Display} display
 * @property {{min: number, max: number}} extent
 */

/** More tiles than this nobody reads, and a page of them stops being one. */
const TILES_MAX = 200;

/**
 * @param {any} panel
 * @param {Frames} frames
 * @param {import('../lib/color.js').Theme} theme
 * @returns {Reduced[]}
 */
export function reducedFields(panel, frames, theme) {
  const options = panel?.options?.reduceOptions ?? {};
  const calc = String(Array.isArray(options.calcs) ? (options.calcs[0] ?? 'lastNotNull') : 'lastNotNull');
  const chosen = frames.fields.filter((field) => isChosen(field, options.fields)).slice(0, TILES_MAX);
  if (chosen.length === 0) return labelTiles(frames, options.fields, theme);
  return chosen.map((field, i) => {
    const value = calc === 'name' ? null : reduce(calc, field.values);
    const extent = fieldExtent(field, frames.fields);
    return {
      key: `${field.refId}|${field.name}|${i}`,
      field,
      value,
      extent,
      display: display(field, lastIsNaN(field, calc) && value === null ? NaN : value, extent, theme),
    };
  });
}

/** Tables of old: the chosen "field" is a label, whose text is shown ("version"). @param {Frames} frames @param {unknown} wanted @param {import('../lib/color.js').Theme} theme @returns {Reduced[]} */
function labelTiles(frames, wanted, theme) {
  if (typeof wanted !== 'string') return [];
  const pattern = wanted.startsWith('/') ? readRegex(wanted) : null;
  return frames.fields.slice(0, TILES_MAX).flatMap((field, i) => {
    const label = Object.keys(field.labels).find((key) => key === wanted || pattern?.test(key));
    if (label === undefined) return [];
    const extent = { min: 0, max: 100 };
    const shown = display(field, null, extent, theme);
    return [
      {
        key: `${field.refId}|${label}|${i}`,
        field: { ...field, name: label, values: [] },
        value: null,
        extent,
        display: { ...shown, prefix: '', text: field.labels[label], suffix: '' },
      },
    ];
  });
}

/** A column of nothing but NaN is shown as NaN (and may be mapped), not as empty. @param {Field} field @param {string} calc */
function lastIsNaN(field, calc) {
  return calc.startsWith('last') && Number.isNaN(field.values.filter((value) => value !== null && value !== undefined).at(-1));
}

/** @param {Field} field @param {unknown} wanted */
function isChosen(field, wanted) {
  if (typeof wanted !== 'string' || wanted === '') return true;
  const pattern = wanted.startsWith('/') ? readRegex(wanted) : null;
  return pattern ? pattern.test(field.name) || pattern.test(field.rawName) : field.name === wanted || field.rawName === wanted;
}
