// What a value looks like: mapping first, then unit; the colour by mapping, threshold, palette or scale.
import { continuousColor, paletteColor, paletteColorByName, resolveColor } from './color.js';
import { reduce } from './calcs.js';
import { activeStep, mapValue, percentOf } from './thresholds.js';
import { formatParts } from './units.js';

/** @typedef {import('./frames.js').Field} Field */
/** @typedef {import('./color.js').Theme} Theme */
/** @typedef {{min: number, max: number}} Extent */

/**
 * @typedef {object} Display
 * @property {string} prefix
 * @property {string} text
 * @property {string} suffix
 * @property {string} color   CSS colour
 * @property {number} percent 0…1 between min and max
 */

/**
 * Smallest and largest number of several columns; null when there is none.
 * @param {ReadonlyArray<Field>} fields
 * @returns {Extent | null}
 */
export function extentOf(fields) {
  let min = Infinity;
  let max = -Infinity;
  for (const { values } of fields) {
    for (const value of values) {
      if (value === null || value === undefined || !Number.isFinite(value)) continue;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  return min <= max ? { min, max } : null;
}

/**
 * The ends a field is measured between: its own, else those of all numbers in the panel (or of the field alone), else 0…100.
 * @param {Field} field
 * @param {ReadonlyArray<Field>} all
 * @returns {Extent}
 */
export function fieldExtent(field, all) {
  const { min, max, fieldMinMax } = field.config;
  if (min !== null && max !== null) return { min, max };
  const found = extentOf(fieldMinMax ? [field] : all) ?? { min: 0, max: 100 };
  return { min: min ?? found.min, max: max ?? found.max };
}

/**
 * @param {Field} field
 * @param {number | null | undefined} value
 * @param {Extent} extent
 * @param {Theme} theme
 * @returns {Display}
 */
export function display(field, value, extent, theme) {
  const { config } = field;
  const mapped = mapValue(value, config.mappings);
  const percent = typeof value === 'number' ? percentOf(value, extent.min, extent.max) : 0;
  const color = mapped?.color ? resolveColor(mapped.color, theme) : valueColor(field, value, extent, theme);
  if (mapped?.text !== undefined) return { prefix: '', text: mapped.text, suffix: '', color, percent };
  if (value === null || value === undefined) return { prefix: '', text: config.noValue ?? '', suffix: '', color, percent };
  const parts = formatParts(value, config.unit, config.decimals);
  // Words around the value come from old single stats.
  return {
    prefix: `${config.custom.prefix ?? ''}${parts.prefix}`,
    text: parts.text,
    suffix: `${parts.suffix}${config.custom.postfix ?? ''}`,
    color,
    percent,
  };
}

/** @param {Field} field @param {number | null | undefined} value @param {Extent} extent @param {Theme} theme */
function valueColor(field, value, extent, theme) {
  const { color, thresholds } = field.config;
  const number = typeof value === 'number' && !Number.isNaN(value) ? value : -Infinity;
  if (color.mode === 'thresholds') return resolveColor(activeStep(number, thresholds, extent.min, extent.max).color, theme);
  return continuousColor(color.mode, percentOf(number, extent.min, extent.max), theme) ?? seriesColor(field, [field], theme);
}

/**
 * The colour of a whole series.
 * @param {Field} field
 * @param {ReadonlyArray<Field>} all
 * @param {Theme} theme
 * @returns {string}
 */
export function seriesColor(field, all, theme) {
  const { color } = field.config;
  switch (color.mode) {
    case 'fixed':
      return resolveColor(color.fixedColor || 'green', theme);
    case 'shades':
      return resolveColor(color.fixedColor || 'green', theme);
    case 'palette-classic-by-name':
      return paletteColorByName(field.name, theme);
    case 'palette-classic':
      return paletteColor(field.index, theme);
    default: {
      const by = color.seriesBy === 'min' || color.seriesBy === 'max' ? color.seriesBy : 'lastNotNull';
      const isKnown = color.mode === 'thresholds' || continuousColor(color.mode, 0, theme) !== null;
      return isKnown ? valueColor(field, reduce(by, field.values), fieldExtent(field, all), theme) : paletteColor(field.index, theme);
    }
  }
}
