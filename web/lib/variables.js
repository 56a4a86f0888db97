// Dashboard variables: their definitions read leniently, what to ask the store for, and the options that come of it.
// Putting values into texts is interpolate.js. Pure; the asking itself is in pages/dashboard/variables.js.

import { readFilter, savedFilters } from './adhoc.js';
import { mentioned } from './interpolate.js';

/** @typedef {import('./types.d.ts').Option} Option */
/** @typedef {import('./types.d.ts').Variable} Variable */
/** @typedef {import('./types.d.ts').VariableValue} VariableValue */

/** @typedef {{kind: 'values', label: string, match: string} | {kind: 'names', pattern: string} | {kind: 'metrics', pattern: string} | {kind: 'result', expr: string} | {kind: 'series', match: string}} Ask */

/** The value that means every option. */
export const ALL = '$__all';

/** `hide` of a variable that is not shown at all. */
export const HIDDEN = 2;

/** More options than this cannot be picked from; the rest is left out and said so. */
export const OPTIONS_MAX = 1000;

/** The name of our one data source, for `datasource` variables. */
const DATASOURCE = 'Watchfire';

/** Types whose choices follow from the definition alone. */
const TYPES_FIXED = ['custom', 'interval', 'datasource', 'constant', 'textbox'];

/**
 * A variable before its options are known.
 * @param {any} raw one entry of `templating.list`
 * @returns {Variable}
 */
export function readVariable(raw) {
  return {
    name: String(raw?.name ?? ''),
    label: String(raw?.label || raw?.name || ''),
    type: String(raw?.type ?? 'query'),
    hide: Number(raw?.hide ?? 0) || 0,
    multi: raw?.multi === true,
    includeAll: raw?.includeAll === true,
    allValue: typeof raw?.allValue === 'string' && raw.allValue !== '' ? raw.allValue : null,
    options: TYPES_FIXED.includes(raw?.type) ? fixedOptions(raw) : [],
    selected: [],
    error: null,
    ...(raw?.type === 'datasource' ? { plugin: String(raw.query ?? 'prometheus') } : {}),
  };
}

/** @param {any} raw @returns {Option[]} */
function fixedOptions(raw) {
  const query = String(raw.query ?? '');
  if (raw.type === 'datasource') return [{ text: DATASOURCE, value: DATASOURCE.toLowerCase() }];
  if (raw.type === 'constant') return [{ text: query, value: query }];
  if (raw.type === 'textbox') return [one(raw.current?.value ?? query)];
  if (raw.type === 'interval') return splitList(query).map(one);
  return splitList(query).map((text) => {
    const pair = /^(.*?)\s+:\s+(.*)$/.exec(text);
    return pair ? { text: pair[1], value: pair[2] } : one(text);
  });
}

/** @param {unknown} value @returns {Option} */
const one = (value) => ({ text: String(value), value: String(value) });

/** Splits at commas that are not escaped. @param {string} text */
function splitList(text) {
  return text.split(/(?<!\\),/).map((part) => part.replaceAll('\\,', ',').trim()).filter((part) => part !== '');
}

/** The query text of a `query` variable, whichever form the file has. @param {any} raw @returns {string} */
export function queryText(raw) {
  const query = raw?.query;
  const text = typeof query === 'string' ? query : query?.query || builtQuery(query);
  return String(text || raw?.definition || '').trim();
}

/** What Grafana's form holds instead of a text. @param {any} query @returns {string} */
function builtQuery(query) {
  const filters = (Array.isArray(query?.labelFilters) ? query.labelFilters : [])
    .map((/** @type {any} */ one) => `${one?.label}${one?.op ?? '='}"${one?.value ?? ''}"`)
    .join(',');
  const selector = `${query?.metric ?? ''}${filters === '' ? '' : `{${filters}}`}`;
  if (typeof query?.label === 'string' && query.qryType === undefined) return query.type === 0 ? 'label_names()' : `label_values(${[query.stream, query.label].filter(Boolean).join(', ')})`;
  switch (query?.qryType) {
    case 0: return `label_names(${query.match ?? ''})`;
    case 1: return `label_values(${[selector, query.label].filter(Boolean).join(', ')})`;
    case 2: return `metrics(${query.metric ?? ''})`;
    case 3: return `query_result(${query.varQuery ?? query.query ?? ''})`;
    case 4: return query.seriesQuery ?? query.metric ?? '';
    default: return '';
  }
}

/**
 * The order in which variables are resolved: as in the file, but what a variable mentions comes before it.
 * @param {any[]} list
 * @returns {number[]} places in the list
 */
export function resolveOrder(list) {
  const places = new Map(list.map((raw, at) => [String(raw?.name ?? ''), at]));
  /** @type {Set<number>} */
  const done = new Set();
  const visit = (/** @type {number} */ at, /** @type {number[]} */ above) => {
    // Two that mention each other: the file's order decides.
    if (done.has(at) || above.includes(at)) return;
    const raw = list[at];
    const texts = [queryText(raw), raw?.regex, raw?.datasource?.uid ?? raw?.datasource, raw?.allValue];
    for (const name of texts.flatMap(mentioned)) {
      const other = places.get(name);
      if (other !== undefined && other !== at) visit(other, [...above, at]);
    }
    done.add(at);
  };
  list.forEach((_, at) => visit(at, []));
  return [...done];
}

/** What a query text (variables put in already) asks for. @param {string} text @returns {Ask} */
export function readQuery(text) {
  const call = /^(label_values|label_names|metrics|query_result)\(([\s\S]*)\)\s*$/.exec(text);
  if (!call) return { kind: 'series', match: text };
  const inner = call[2].trim();
  if (call[1] === 'label_names') return { kind: 'names', pattern: inner };
  if (call[1] === 'metrics') return { kind: 'metrics', pattern: inner };
  if (call[1] === 'query_result') return { kind: 'result', expr: inner };
  const comma = inner.lastIndexOf(',');
  const match = comma === -1 ? '' : inner.slice(0, comma).trim();
  return { kind: 'values', label: inner.slice(comma + 1).trim(), match: match === '{}' ? '' : match };
}

/**
 * Options of the texts an answer gave: filtered and cut by the variable's regex, unique, sorted.
 * @param {string[]} texts
 * @param {any} raw
 * @param {string} regex with variables put in
 * @returns {Option[]}
 */
export function optionsFrom(texts, raw, regex) {
  const pattern = readRegex(regex);
  /** @type {Map<string, Option>} */
  const found = new Map();
  for (const option of texts.flatMap((text) => applyRegex(text, pattern))) {
    if (!found.has(option.value)) found.set(option.value, option);
  }
  return sortOptions([...found.values()], Number(raw?.sort) || 0).slice(0, OPTIONS_MAX);
}

/** @param {string} text @returns {RegExp | null} */
function readRegex(text) {
  if (text.trim() === '') return null;
  const slashed = /^\/([\s\S]*)\/([a-z]*)$/.exec(text.trim());
  try {
    return slashed ? new RegExp(slashed[1], slashed[2]) : new RegExp(`^${text}$`);
  } catch {
    return null;
  }
}

/** @param {string} text @param {RegExp | null} pattern @returns {Option[]} */
function applyRegex(text, pattern) {
  if (!pattern) return [one(text)];
  const matches = pattern.global ? [...text.matchAll(pattern)] : [pattern.exec(text)];
  return matches.flatMap((match) => {
    if (!match) return [];
    const named = match.groups;
    if (named?.text || named?.value) return [{ text: named.text ?? named.value, value: named.value ?? named.text }];
    return [one(match[1] ?? match[0])];
  });
}

/** Odd kinds ascend, even ones descend: 1 alphabetical, 3 numeric, 5 without case, 7 natural. @param {Option[]} options @param {number} kind */
function sortOptions(options, kind) {
  if (kind < 1 || kind > 8) return options;
  const digits = (/** @type {Option} */ o) => Number(/\d+/.exec(o.text)?.[0] ?? -1);
  const compare = [
    (/** @type {Option} */ a, /** @type {Option} */ b) => (a.text < b.text ? -1 : Number(a.text > b.text)),
    (/** @type {Option} */ a, /** @type {Option} */ b) => digits(a) - digits(b),
    (/** @type {Option} */ a, /** @type {Option} */ b) => a.text.toLowerCase().localeCompare(b.text.toLowerCase()),
    (/** @type {Option} */ a, /** @type {Option} */ b) => a.text.localeCompare(b.text, undefined, { numeric: true }),
  ][Math.floor((kind - 1) / 2)];
  const sorted = [...options].sort(compare);
  return kind % 2 === 0 ? sorted.reverse() : sorted;
}

/**
 * What is chosen: the address first, then what the file remembers, then all, then the first option.
 * @param {Variable} variable with its options
 * @param {string[]} inAddress values of `var-NAME`, empty if absent
 * @param {any} raw
 * @returns {string[]}
 */
export function choose(variable, inAddress, raw) {
  const exists = (/** @type {string} */ value) => variable.options.some((option) => option.value === value);
  const listed = (/** @type {string[]} */ values) => {
    if (variable.includeAll && values.some((value) => value === ALL || value === 'All')) return [ALL];
    if (variable.type === 'adhoc') return values.filter(readFilter);
    const kept = variable.type === 'textbox' ? values : values.filter(exists);
    return variable.multi ? kept : kept.slice(0, 1);
  };
  const fromAddress = listed(inAddress);
  if (fromAddress.length > 0) return fromAddress;
  // Filters that the reader took away are gone: then the address names an empty one.
  if (variable.type === 'adhoc') return inAddress.length > 0 ? [] : listed(savedFilters(raw));
  const saved = listed([raw?.current?.value ?? []].flat().map(String));
  if (saved.length > 0) return saved;
  if (variable.includeAll) return [ALL];
  return variable.options.length > 0 ? [variable.options[0].value] : [''];
}

/**
 * A variable while its options are still asked for: what it will most likely be, so that its place and the titles do not jump.
 * @param {any} raw
 * @param {string[]} inAddress
 * @returns {Variable}
 */
export function provisional(raw, inAddress) {
  const variable = readVariable(raw);
  const saved = [raw?.current?.value ?? []].flat().map(String);
  const likely = inAddress.length > 0 ? inAddress : saved.length > 0 ? saved : variable.includeAll ? [ALL] : variable.options.slice(0, 1).map((option) => option.value);
  return { ...variable, selected: likely };
}

/** A variable in the form expressions take. @param {Variable} variable @returns {VariableValue} */
export function valueOf(variable) {
  const { multi, includeAll, allValue, options, selected, plugin } = variable;
  const all = selected.includes(ALL);
  const value = all ? ALL : multi ? selected : selected[0] ?? '';
  return { value, text: selectionText(variable), multi, includeAll, allValue, options, ...(plugin ? { plugin } : {}), ...(variable.type === 'adhoc' ? { filters: selected.flatMap((text) => readFilter(text) ?? []) } : {}) };
}

/** What the picker's button says. @param {Variable} variable */
export function selectionText(variable) {
  if (variable.selected.includes(ALL)) return 'All';
  return variable.selected.map((value) => variable.options.find((option) => option.value === value)?.text ?? value).join(' + ');
}

/**
 * The next selection when an option is clicked in a list of several: "All" and single ones exclude each other.
 * @param {string[]} selected
 * @param {string} value
 */
export function toggled(selected, value) {
  if (value === ALL) return [ALL];
  const rest = selected.filter((one) => one !== ALL && one !== value);
  return selected.includes(value) ? rest : [...rest, value];
}
