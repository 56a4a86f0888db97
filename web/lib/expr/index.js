// Targets that ask nobody: they are worked out of the answers of other targets of their panel (Grafana's `__expr__`). What
// comes out has the shape of an answer, so that nobody else need know. Pure.
import { interpolate } from '../interpolate.js';
import { parseDuration } from '../step.js';
import { parseMath, refsOf } from './math.js';
import { reduceSeries, resample, threshold } from './steps.js';
import { evaluate } from './values.js';

/** @typedef {import('../types.d.ts').TargetResult} TargetResult */
/** @typedef {import('../interpolate.js').Variables} Variables */
/** @typedef {import('./values.js').Value} Value */
/** @typedef {{refId: string, json: any}} PanelTarget */

const KINDS = new Set(['math', 'reduce', 'resample', 'threshold']);

/** Whether a target is an expression of a kind that is known here. @param {any} json */
export const isExpression = (json) => isAny(json) && KINDS.has(json.type);

/** @param {any} json */
const isAny = (json) => json?.datasource === '__expr__' || json?.datasource?.type === '__expr__' || json?.datasource?.uid === '__expr__';

/** Whose results a target needs. @param {any} json @returns {string[]} */
function inputs(json) {
  if (!isExpression(json)) return [];
  const text = String(json.expression ?? '');
  if (json.type !== 'math') return [text.replace(/^\$\{?|\}$/g, '').trim()];
  try {
    return refsOf(parseMath(text));
  } catch {
    // It says so when it is worked out.
    return [];
  }
}

/** Names of the targets that shown expressions need, directly or not. @param {ReadonlyArray<PanelTarget>} all @returns {Set<string>} */
export function neededRefs(all) {
  const byName = new Map(all.map((target) => [target.refId, target.json]));
  const found = new Set(all.filter(({ json }) => json.hide !== true).flatMap(({ json }) => inputs(json)));
  // A set that grows while it is gone through is gone through to its end.
  for (const name of found) for (const next of inputs(byName.get(name))) found.add(next);
  return found;
}

/**
 * The answers and those of the expressions.
 * @param {any} panel
 * @param {ReadonlyArray<PanelTarget>} all targets of the panel, hidden ones too
 * @param {ReadonlyArray<TargetResult>} results
 * @param {{variables: Variables, from?: number, to?: number}} context
 * @returns {ReadonlyArray<TargetResult>}
 */
export function withExpressions(panel, all, results, context) {
  const wanted = all.filter(({ json }) => isExpression(json) && json.hide !== true);
  if (wanted.length === 0 || results.length === 0) return results;
  const prefix = `${panel?.id ?? 0}:`;
  const byName = new Map(all.map((target) => [target.refId, target.json]));
  /** @type {Map<string, Value[] | null>} null: being worked out */
  const known = new Map();
  const lookup = (/** @type {string} */ name) => {
    const old = known.get(name);
    if (old === null) throw new Error(`${name} needs itself`);
    if (old) return old;
    const json = byName.get(name);
    if (!json) throw new Error(`there is no query ${name}`);
    known.set(name, null);
    try {
      const values = isExpression(json) ? work(json, lookup, context) : results.filter(({ id }) => id === prefix + name || id === `${prefix}${name}:instant`).flatMap((result) => valuesOf(result, name, json));
      known.set(name, values);
      return values;
    } finally {
      if (known.get(name) === null) known.delete(name);
    }
  };
  return [...results, ...wanted.map(({ refId }) => {
    try {
      return resultOf(prefix + refId, lookup(refId), context);
    } catch (error) {
      return { id: prefix + refId, error: { message: error instanceof Error ? error.message : String(error) } };
    }
  })];
}

/** @param {any} json @param {(name: string) => Value[]} lookup @param {{variables: Variables, from?: number, to?: number}} context @returns {Value[]} */
function work(json, lookup, { variables, from = 0, to = 0 }) {
  if (json.type === 'math') return evaluate(parseMath(String(json.expression ?? '')), lookup);
  const values = lookup(inputs(json)[0]);
  if (json.type === 'reduce') return reduceSeries(values, json);
  if (json.type === 'threshold') return threshold(values, json);
  return resample(values, json, { from, to, windowMs: parseDuration(interpolate(json.window ?? '', variables)) });
}

/** @type {Record<string, number>} */
const WORDS = { NaN, '+Inf': Infinity, '-Inf': -Infinity };

/** @param {TargetResult} result @param {string} name @param {any} json @returns {Value[]} */
function valuesOf({ id, error, series = [], start = 0, step = 1 }, name, json) {
  if (error) throw new Error(`query ${name} failed: ${error.message}`);
  const isNumber = id.endsWith(':instant') || json.instant === true && json.range !== true || json.queryType === 'instant';
  return series.map(({ labels: { __name__, ...labels }, values }) => {
    const points = values.map((value) => (typeof value === 'string' ? WORDS[value] : value));
    return isNumber ? { labels, times: null, points: [points.at(-1) ?? null] } : { labels, times: { start, step }, points };
  });
}

/** @param {string} id @param {Value[]} values @param {{to?: number}} context @returns {TargetResult} */
function resultOf(id, values, { to = 0 }) {
  const times = values.find((value) => value.times)?.times ?? null;
  const same = values.filter((value) => value.times?.start === times?.start && value.times?.step === times?.step);
  const count = Math.max(0, ...same.map((value) => value.points.length));
  const series = same.filter((value) => value.points.some((point) => point !== null)).map(({ labels, points }) => ({ labels, values: points.map(word) }));
  const left = values.length - same.length;
  const warnings = left > 0 ? [`${left} of ${values.length} series have other steps than the first and are left out: resample them`] : [];
  return times ? { id, ...times, count, series, warnings } : { id: `${id}:instant`, start: to, step: 1, count: 1, series, warnings: [] };
}

/** @param {number | null} value @returns {import('../types.d.ts').WireValue} */
function word(value) {
  if (value === null || Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
