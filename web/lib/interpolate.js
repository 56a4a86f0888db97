// Variables in texts: `$name`, `[[name]]`, `${name:format}`, `${name.path}`, with Grafana's rules (dashboard specification, part 5).
// One pass: a value is not looked at again, save `allValue`, which may name other variables. Unknown names stay as they are.

/**
 * @typedef {object} Variable
 * @property {string | string[]} value        chosen value or values; "$__all" stands for all
 * @property {string | string[]} [text]       for display only
 * @property {boolean} [multi]
 * @property {boolean} [includeAll]
 * @property {string | null} [allValue]       put in verbatim for "All"
 * @property {ReadonlyArray<string | {text: string, value: string}>} [options]
 * @property {Record<string, string>} [fields]  what `${name.path}` gives
 *
 * @typedef {Record<string, Variable | string | string[] | number>} Variables
 *
 * @typedef {'promql' | 'logql' | 'glob' | 'regex' | 'raw' | 'text' | 'uriencode'} DefaultFormat  how a value is written when the text names no format
 */

/** The value that means every option. */
export const ALL = '$__all';

const REFERENCE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}/g;

/**
 * Puts variables into a text.
 * @param {unknown} text
 * @param {Variables} variables
 * @param {DefaultFormat} [fallback]
 * @returns {string}
 */
export function interpolate(text, variables, fallback = 'glob') {
  return replaceAll(String(text ?? ''), variables, fallback, true);
}

/** @param {string} text @param {Variables} variables @param {DefaultFormat} fallback @param {boolean} deep @returns {string} */
function replaceAll(text, variables, fallback, deep) {
  return text.replace(REFERENCE, (whole, plain, square, squareFormat, curly, path, curlyFormat) => {
    const name = plain ?? square ?? curly;
    if (!Object.hasOwn(variables, name)) return whole;
    const variable = normalise(variables[name]);
    if (path !== undefined && variable.fields && Object.hasOwn(variable.fields, path)) return formatAs(curlyFormat ?? 'raw', name, [variable.fields[path]], variable);
    const format = curlyFormat ?? squareFormat ?? (path === 'text' ? 'text' : undefined);
    if (isAll(variable) && variable.allValue && format !== 'text') {
      return deep ? replaceAll(variable.allValue, variables, fallback, false) : variable.allValue;
    }
    const values = selectedValues(variable);
    return format ? formatAs(format, name, values, variable) : formatDefault(fallback, values, variable);
  });
}

/** @param {Variable | string | string[] | number} variable @returns {Variable} */
function normalise(variable) {
  if (typeof variable === 'object' && !Array.isArray(variable)) return variable;
  return Array.isArray(variable) ? { value: variable, multi: true } : { value: String(variable) };
}

/** @param {Variable} variable */
export function isAll(variable) {
  const { value } = variable;
  return Array.isArray(value) ? value.includes(ALL) : value === ALL;
}

/**
 * The chosen values, "All" spread out to every option.
 * @param {Variable} variable
 * @returns {string[]}
 */
export function selectedValues(variable) {
  if (isAll(variable))
    return optionsOf(variable)
      .map((option) => option.value)
      .filter((value) => value !== ALL);
  return Array.isArray(variable.value) ? variable.value.map(String) : [String(variable.value ?? '')];
}

/** @param {Variable} variable @returns {Array<{text: string, value: string}>} */
function optionsOf(variable) {
  return (variable.options ?? []).map((option) => (typeof option === 'string' ? { text: option, value: option } : option));
}

/**
 * The names of all variables a text mentions (used to order and to re-resolve dependants).
 * @param {unknown} text
 * @returns {string[]}
 */
export function mentioned(text) {
  const names = new Set();
  for (const found of String(text ?? '').matchAll(REFERENCE)) names.add(found[1] ?? found[2] ?? found[4]);
  return [...names];
}

/** @param {DefaultFormat} fallback @param {string[]} values @param {Variable} variable */
function formatDefault(fallback, values, variable) {
  const isList = Boolean(variable.multi || variable.includeAll);
  if (fallback === 'promql' || fallback === 'logql') {
    if (!isList) return escapePlain(values[0] ?? '');
    const escaped = values.map(escapePromRegex);
    if (escaped.length === 1) return escaped[0];
    return fallback === 'promql' ? `(${escaped.join('|')})` : escaped.join('|');
  }
  return formatAs(fallback, '', values, variable);
}

/** A `'`-string or a `"`-string of PromQL stays valid. @param {string} value */
function escapePlain(value) {
  return value.replace(/\\/g, '\\\\').replace(/'/g, "\\\\'");
}

/** For a regular expression inside a PromQL string: every backslash is written twice over. @param {string} value */
function escapePromRegex(value) {
  return value.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');
}

/** @param {string} value */
function escapeRegex(value) {
  return value.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&');
}

/** @param {string} value */
function strictEncode(value) {
  return encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** @type {Record<string, (values: string[], name: string, argument: string, variable: Variable) => string>} */
const FORMATS = {
  raw: (values) => values.join(','),
  csv: (values) => values.join(','),
  pipe: (values) => values.join('|'),
  regex: (values) => grouped(values.map(escapeRegex)),
  glob: (values) => (values.length === 1 ? values[0] : `{${values.join(',')}}`),
  json: (values, _name, _argument, variable) => JSON.stringify(Array.isArray(variable.value) ? values : (values[0] ?? '')),
  singlequote: (values) => values.map((value) => `'${value.replace(/'/g, "\\'")}'`).join(','),
  doublequote: (values) => values.map((value) => `"${value.replace(/"/g, '\\"')}"`).join(','),
  sqlstring: (values) => values.map((value) => `'${value.replace(/'/g, "''")}'`).join(','),
  percentencode: (values) => strictEncode(values.length === 1 ? values[0] : `{${values.join(',')}}`),
  uriencode: (values) => encodeURI(values.length === 1 ? values[0] : `{${values.join(',')}}`),
  queryparam: (values, name, _argument, variable) =>
    (isAll(variable) ? [ALL] : values).map((value) => `var-${name}=${strictEncode(value)}`).join('&'),
  text: (values, _name, _argument, variable) => textOf(values, variable),
  distributed: (values, name) => values.map((value, i) => (i === 0 ? value : `${name}=${value}`)).join(','),
  lucene: (values) => luceneText(values),
  html: (values) => values.join(', ').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`),
  join: (values, _name, argument) => values.join(argument || ','),
  date: (values, _name, argument) => dateText(values[0] ?? '', argument),
  promql: (values, _name, _argument, variable) => formatDefault('promql', values, variable),
  logql: (values, _name, _argument, variable) => formatDefault('logql', values, variable),
};

/** An unknown format is written as glob, as Grafana does. @param {string} format @param {string} name @param {string[]} values @param {Variable} variable */
function formatAs(format, name, values, variable) {
  const colon = format.indexOf(':');
  const key = colon < 0 ? format : format.slice(0, colon);
  const argument = colon < 0 ? '' : format.slice(colon + 1);
  const write = Object.hasOwn(FORMATS, key) ? FORMATS[key] : FORMATS.glob;
  return write(values, name, argument, variable);
}

/** @param {string[]} values */
function grouped(values) {
  return values.length === 1 ? values[0] : `(${values.join('|')})`;
}

/** @param {string[]} values */
function luceneText(values) {
  const quote = (/** @type {string} */ value) => value.replace(/([!*+\-=<>\s&|()[\]{}^~?:\\/"])/g, '\\$1');
  return values.length === 1 ? quote(values[0]) : `(${values.map((value) => `"${quote(value)}"`).join(' OR ')})`;
}

/** @param {string[]} values @param {Variable} variable */
function textOf(values, variable) {
  if (isAll(variable)) return 'All';
  const names = new Map(optionsOf(variable).map((option) => [option.value, option.text]));
  return values.map((value) => names.get(value) ?? value).join(' + ');
}

/** @param {string} value @param {string} argument */
function dateText(value, argument) {
  const ms = Number(value);
  if (!Number.isFinite(ms)) return value;
  if (argument === 'seconds') return String(Math.round(ms / 1000));
  const iso = new Date(ms).toISOString();
  if (argument === '' || argument === 'iso') return iso;
  /** @type {Record<string, string>} */
  const parts = {
    YYYY: iso.slice(0, 4),
    MM: iso.slice(5, 7),
    DD: iso.slice(8, 10),
    HH: iso.slice(11, 13),
    mm: iso.slice(14, 16),
    ss: iso.slice(17, 19),
  };
  return argument.replace(/YYYY|MM|DD|HH|mm|ss/g, (token) => parts[token]);
}
