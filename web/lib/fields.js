// The configuration of each field: a panel's defaults, then its overrides from top to bottom, per property, the later one wins.
import { fillLegend } from './names.js';
import { interpolate } from './interpolate.js';
import { reduce } from './calcs.js';
import { readRegex, readThresholds } from './thresholds.js';

/** @typedef {import('./interpolate.js').Variables} Variables */
/** @typedef {import('./thresholds.js').Thresholds} Thresholds */

/**
 * @typedef {object} FieldConfig
 * @property {string} unit
 * @property {number | null} decimals
 * @property {number | null} min
 * @property {number | null} max
 * @property {boolean} fieldMinMax
 * @property {Thresholds} thresholds
 * @property {any[]} mappings
 * @property {{mode: string, fixedColor?: string, seriesBy?: string}} color
 * @property {string | null} displayName
 * @property {string | null} noValue
 * @property {any[]} links
 * @property {Record<string, any>} custom
 *
 * @typedef {object} FieldSubject  what a matcher looks at
 * @property {string} name         display name
 * @property {string} rawName
 * @property {string} refId
 * @property {'number' | 'time' | 'string' | 'boolean'} type
 * @property {Record<string, string>} labels
 * @property {ReadonlyArray<any>} values
 */

const BY_PALETTE = new Set(['timeseries', 'piechart', 'histogram', 'barchart', 'graph', 'xychart', 'trend']);

/**
 * @param {any} panel
 * @param {FieldSubject} subject
 * @param {Variables} variables
 * @param {Record<string, any>} [given] what a transformation read out of data: above the defaults, below the overrides
 * @returns {FieldConfig}
 */
export function fieldConfig(panel, subject, variables, given = {}) {
  const flat = { ...readDefaults(panel), ...given };
  for (const override of listOf(panel?.fieldConfig?.overrides)) {
    if (!matches(override?.matcher, withName(subject, flat), variables)) continue;
    for (const property of listOf(override?.properties)) setProperty(flat, property?.id, property?.value, variables);
  }
  return finish(flat, panel, subject, variables);
}

/** @param {unknown} value @returns {any[]} */
function listOf(value) {
  return Array.isArray(value) ? value : [];
}

/** @param {FieldSubject} subject @param {Record<string, any>} flat */
function withName(subject, flat) {
  return typeof flat.displayName === 'string' && flat.displayName !== '' && !flat.displayName.includes('$')
    ? { ...subject, alias: flat.displayName }
    : { ...subject, alias: '' };
}

/** Defaults as a flat map of property ids, as overrides name them. @param {any} panel */
function readDefaults(panel) {
  /** @type {Record<string, any>} */
  const flat = {};
  const { custom, ...rest } = panel?.fieldConfig?.defaults ?? {};
  Object.assign(flat, rest);
  for (const [key, value] of Object.entries(custom ?? {})) flat[`custom.${key}`] = value;
  return flat;
}

/** @param {Record<string, any>} flat @param {unknown} id @param {any} value @param {Variables} variables */
function setProperty(flat, id, value, variables) {
  if (typeof id !== 'string') return;
  flat[id] = typeof value === 'string' ? interpolate(value, variables) : value;
}

/**
 * @param {any} matcher
 * @param {FieldSubject & {alias: string}} subject
 * @param {Variables} variables
 * @returns {boolean}
 */
export function matches(matcher, subject, variables) {
  const options = typeof matcher?.options === 'string' ? interpolate(matcher.options, variables) : matcher?.options;
  const names = [subject.alias, subject.name, subject.rawName];
  switch (matcher?.id) {
    case 'byName':
      return names.includes(options);
    case 'byRegexp': {
      const pattern = readRegex(String(options ?? ''));
      return pattern !== null && names.some((name) => name !== '' && pattern.test(name));
    }
    case 'byFrameRefID':
      return subject.refId === options;
    case 'byType':
      return subject.type === options;
    case 'byNames':
      return byNames(options, names);
    case 'byValue':
      return byValue(options, subject);
    default:
      return false;
  }
}

/** @param {any} options @param {string[]} names */
function byNames(options, names) {
  const listed = listOf(options?.names).some((name) => names.includes(name));
  return options?.mode === 'exclude' ? !listed : listed;
}

/** @type {Record<string, (a: number, b: number) => boolean>} */
const COMPARE = {
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
  eq: (a, b) => a === b,
  neq: (a, b) => a !== b,
};

/** @param {any} options @param {FieldSubject} subject */
function byValue(options, subject) {
  if (subject.type !== 'number') return false;
  const compare = COMPARE[options?.op] ?? COMPARE.gte;
  const value = reduce(String(options?.reducer ?? 'lastNotNull'), subject.values);
  return value !== null && compare(value, Number(options?.value ?? 0));
}

/** @param {Record<string, any>} flat @param {any} panel @param {FieldSubject} subject @param {Variables} variables @returns {FieldConfig} */
function finish(flat, panel, subject, variables) {
  /** @type {Record<string, any>} */
  const custom = {};
  for (const [key, value] of Object.entries(flat))
    if (key.startsWith('custom.') && value !== '' && value !== null) custom[key.slice(7)] = value;
  const mode = flat.color?.mode || (BY_PALETTE.has(String(panel?.type)) ? 'palette-classic' : 'thresholds');
  return {
    unit: typeof flat.unit === 'string' ? flat.unit : '',
    decimals: numberOf(flat.decimals),
    min: numberOf(flat.min),
    max: numberOf(flat.max),
    fieldMinMax: flat.fieldMinMax === true,
    thresholds: readThresholds(flat.thresholds),
    mappings: listOf(flat.mappings),
    color: { ...flat.color, mode },
    displayName: displayName(flat.displayName, subject, variables),
    noValue: typeof flat.noValue === 'string' && flat.noValue !== '' ? flat.noValue : null,
    links: listOf(flat.links),
    custom,
  };
}

/** @param {unknown} value */
function numberOf(value) {
  if (value === null || value === undefined || value === '' || typeof value === 'boolean') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** @param {unknown} template @param {FieldSubject} subject @param {Variables} variables */
function displayName(template, subject, variables) {
  if (typeof template !== 'string' || template === '') return null;
  const named = template
    .replace(/\$\{__(?:field|series)\.labels\.([^}]+)\}/g, (_whole, key) => subject.labels[key] ?? '')
    .replace(/\$\{__(?:field|series)\.labels\["([^"]+)"\]\}/g, (_whole, key) => subject.labels[key] ?? '')
    .replace(/\$\{__(?:field|series)\.(?:name|displayName)\}/g, subject.name)
    .replace(/\$__cell_0\b/g, subject.name);
  return interpolate(fillLegend(named, subject.labels), variables);
}
