// Thresholds and value mappings: which step a value is on, and what a value is called instead of its number.

/**
 * @typedef {object} Step
 * @property {number} value lower bound; the first is always −∞
 * @property {string} color a Grafana colour name or CSS colour
 *
 * @typedef {object} Thresholds
 * @property {'absolute' | 'percentage'} mode
 * @property {Step[]} steps sorted, never empty
 */

const DEFAULT_STEPS = [
  { value: -Infinity, color: 'green' },
  { value: 80, color: 'red' },
];

/**
 * Reads `fieldConfig.defaults.thresholds`, however odd. The first step in the file holds from −∞ whatever its number says.
 * @param {any} config
 * @returns {Thresholds}
 */
export function readThresholds(config) {
  const given = Array.isArray(config?.steps) ? config.steps : [];
  const mode = config?.mode === 'percentage' ? 'percentage' : 'absolute';
  if (given.length === 0) return { mode, steps: DEFAULT_STEPS };
  const steps = given.map((/** @type {any} */ step, /** @type {number} */ i) => ({
    value: i === 0 ? -Infinity : finite(step?.value),
    color: String(step?.color ?? 'green'),
  }));
  return { mode, steps: steps.sort((/** @type {Step} */ a, /** @type {Step} */ b) => a.value - b.value) };
}

/** @param {unknown} value */
function finite(value) {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && !Number.isNaN(number) ? number : -Infinity;
}

/**
 * Where a value lies between two ends, 0…1.
 * @param {number} value
 * @param {number} min
 * @param {number} max
 * @returns {number}
 */
export function percentOf(value, min, max) {
  if (!(max > min)) return value >= max ? 1 : 0;
  return Math.min(1, Math.max(0, (value - min) / (max - min)));
}

/**
 * The last step whose bound is not above the value.
 * @param {number} value
 * @param {Thresholds} thresholds
 * @param {number} min for percentages
 * @param {number} max
 * @returns {Step}
 */
export function activeStep(value, thresholds, min, max) {
  const measured = thresholds.mode === 'percentage' ? percentOf(value, min, max) * 100 : value;
  let active = thresholds.steps[0];
  for (const step of thresholds.steps) if (measured >= step.value) active = step;
  return active;
}

/**
 * Bounds in the unit of the values: percentages become numbers between min and max.
 * @param {Thresholds} thresholds
 * @param {number} min
 * @param {number} max
 * @returns {Step[]}
 */
export function absoluteSteps(thresholds, min, max) {
  if (thresholds.mode === 'absolute') return thresholds.steps;
  return thresholds.steps.map((step) => ({ ...step, value: min + ((max - min) * step.value) / 100 }));
}

/**
 * @typedef {object} Mapped
 * @property {string} [text]
 * @property {string} [color]
 * @property {number} [index]
 */

/**
 * The first mapping that fits, or null. Old `{type:1,value,text}` and `{type:2,from,to,text}` are understood too.
 * @param {unknown} value number, string, boolean or null
 * @param {unknown} mappings
 * @returns {Mapped | null}
 */
export function mapValue(value, mappings) {
  if (!Array.isArray(mappings)) return null;
  for (const mapping of mappings) {
    const found = applyMapping(value, mapping);
    if (found) return found;
  }
  return null;
}

/** @param {unknown} value @param {any} mapping @returns {Mapped | null} */
function applyMapping(value, mapping) {
  const options = mapping?.options ?? {};
  switch (mapping?.type) {
    case 'value':
      return byValue(value, options);
    case 'range':
      return inRange(value, options.from, options.to) ? result(options.result) : null;
    case 'regex':
      return byPattern(value, options);
    case 'special':
      return isSpecial(value, String(options.match)) ? result(options.result) : null;
    case 1:
      return sameValue(value, mapping.value) ? { text: String(mapping.text ?? '') } : null;
    case 2:
      return inRange(value, mapping.from, mapping.to) ? { text: String(mapping.text ?? '') } : null;
    default:
      return null;
  }
}

/** @param {any} given @returns {Mapped} */
function result(given) {
  return {
    ...(given?.text ? { text: String(given.text) } : {}),
    ...(given?.color ? { color: String(given.color) } : {}),
    ...(Number.isFinite(given?.index) ? { index: given.index } : {}),
  };
}

/** @param {unknown} value @param {any} options */
function byValue(value, options) {
  for (const [key, given] of Object.entries(options)) if (sameValue(value, key)) return result(given);
  return null;
}

/** @param {unknown} value @param {unknown} key */
function sameValue(value, key) {
  if (value === null || value === undefined) return key === 'null';
  if (typeof value === 'number' && key !== '' && key !== null) return value === Number(key) || String(value) === key;
  return String(value) === String(key);
}

/** @param {unknown} value @param {unknown} from @param {unknown} to */
function inRange(value, from, to) {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || Number.isNaN(number)) return false;
  const low = from === null || from === undefined || from === '' ? -Infinity : Number(from);
  const high = to === null || to === undefined || to === '' ? Infinity : Number(to);
  return number >= low && number <= high;
}

/** @param {unknown} value @param {any} options @returns {Mapped | null} */
function byPattern(value, options) {
  const pattern = readRegex(String(options.pattern ?? ''));
  if (!pattern || value === null || value === undefined || !pattern.test(String(value))) return null;
  const mapped = result(options.result);
  return mapped.text ? { ...mapped, text: String(value).replace(pattern, mapped.text) } : mapped;
}

/** @param {unknown} value @param {string} match */
function isSpecial(value, match) {
  const isNull = value === null || value === undefined;
  const isNan = typeof value === 'number' && Number.isNaN(value);
  switch (match) {
    case 'null':
      return isNull;
    case 'nan':
      return isNan;
    case 'null+nan':
      return isNull || isNan;
    case 'true':
      return value === true || value === 'true';
    case 'false':
      return value === false || value === 'false';
    case 'empty':
      return value === '';
    default:
      return false;
  }
}

/**
 * "/re/flags" or a bare expression; null when it is not a valid one.
 * @param {string} text
 * @returns {RegExp | null}
 */
export function readRegex(text) {
  const slashed = /^\/(.*)\/([a-z]*)$/s.exec(text);
  try {
    return slashed ? new RegExp(slashed[1], slashed[2].replace(/[gy]/g, '')) : new RegExp(text);
  } catch {
    return null;
  }
}
