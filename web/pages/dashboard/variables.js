// Resolves a dashboard's variables, each with the values of those that it mentions.
import { effect } from '../../vendor/signals/signals.js';
import { ApiError, fetchProm, postProm } from '../../lib/client.js';
import { fetchLoki } from '../../lib/loki.js';
import { interpolate } from '../../lib/interpolate.js';
import { formatLabels } from '../../lib/format.js';
import { formatDuration, roundInterval } from '../../lib/step.js';
import { parseDuration } from '../../lib/time.js';
import { sourceOf } from '../../lib/datasource.js';
import { globalVariables, inputsOf } from '../../lib/globals.js';
import { choose, optionsFrom, queryText, readQuery, readVariable, resolveOrder, valueOf } from '../../lib/variables.js';
import { params } from '../../shell/address.js';
import { range, rangeText } from '../../shell/clock.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('../../lib/types.d.ts').Variable} Variable */
/** @typedef {import('../../lib/types.d.ts').Option} Option */
/** @typedef {import('../../lib/types.d.ts').VariableValue} VariableValue */

/** Variables with this `refresh` ask again when the range changes. */
const REFRESH_ON_RANGE = 2;

/** The choice of an interval variable that follows the range. */
const AUTO = 'auto';

/** Grafana's defaults for it. */
const AUTO_COUNT = 30;
const AUTO_MIN = '10s';

/**
 * Keeps `model.variables` in step with the address and the range until the returned function is called.
 * @param {Model} model
 */
export function runVariables(model) {
  const list = model.dashboard.templating?.list ?? [];
  /** @type {Map<string, Promise<Option[]>>} */
  const known = new Map();
  let stop = new AbortController();
  let last = '';
  const end = effect(() => {
    const inAddress = list.map((raw) => params.value.getAll(`var-${raw?.name}`));
    const { from, to } = rangeText.value;
    const question = JSON.stringify([inAddress, from, to]);
    if (question === last) return;
    last = question;
    stop.abort();
    stop = new AbortController();
    resolveAll(model, list, inAddress, known, `${from} ${to}`, stop.signal);
  });
  return () => {
    end();
    stop.abort();
  };
}

/**
 * @param {Model} model
 * @param {any[]} list
 * @param {string[][]} inAddress
 * @param {Map<string, Promise<Option[]>>} known options asked for before, by question
 * @param {string} span
 * @param {AbortSignal} signal
 */
async function resolveAll(model, list, inAddress, known, span, signal) {
  /** @type {Variable[]} */
  const variables = new Array(list.length);
  /** @type {Record<string, VariableValue>} */
  const values = {};
  const others = { ...builtIns(), ...inputsOf(model.dashboard), ...globalVariables(model.dashboard, range.peek(), rangeText.peek(), {}) };
  for (const at of resolveOrder(list)) {
    const raw = list[at];
    const variable = readVariable(raw);
    if (variable.type === 'query') await loadOptions(variable, raw, { ...others, ...values }, known, span);
    if (variable.type === 'interval' && raw.auto === true) variable.options.unshift({ text: AUTO, value: AUTO });
    if (signal.aborted) return;
    variable.selected = choose(variable, inAddress[at], raw);
    variables[at] = variable;
    values[variable.name] = withAuto(valueOf(variable), raw);
    if (raw?.type === 'interval' && raw.auto === true) values[`__auto_interval_${variable.name}`] = withAuto({ ...valueOf(variable), value: AUTO }, raw);
  }
  // In the order of the file again: addresses are made of them.
  const ordered = Object.fromEntries([...variables.map((variable) => [variable.name, values[variable.name]]), ...Object.entries(values)]);
  if (JSON.stringify(model.values.peek()) !== JSON.stringify(ordered)) model.values.value = ordered;
  model.variables.value = variables;
}

/**
 * @param {Variable} variable
 * @param {any} raw
 * @param {import('../../lib/interpolate.js').Variables} values
 * @param {Map<string, Promise<Option[]>>} known
 * @param {string} span
 */
async function loadOptions(variable, raw, values, known, span) {
  const { language } = sourceOf({ datasource: raw?.datasource, expr: '' }, {}, values);
  if (language === null) return;
  const text = interpolate(queryText(raw), values, language);
  const regex = interpolate(String(raw.regex ?? ''), values, 'regex');
  const key = JSON.stringify([variable.name, text, regex, Number(raw.refresh) === REFRESH_ON_RANGE ? span : '']);
  const asked = known.get(key) ?? (language === 'logql' ? askLogs(text) : ask(text)).then((texts) => optionsFrom(texts, raw, regex));
  known.set(key, asked);
  try {
    variable.options = await asked;
  } catch (error) {
    known.delete(key);
    variable.error = error instanceof ApiError ? error.message : String(error);
  }
}

/** The texts a query gives. @param {string} text @returns {Promise<string[]>} */
async function ask(text) {
  if (text === '') return [];
  const { from, to } = range.peek();
  const span = { start: String(from / 1000), end: String(to / 1000) };
  const what = readQuery(text);
  switch (what.kind) {
    case 'values':
      if (what.match.length > MATCH_LENGTH_MAX) return labelOfSeries(what.label, what.match, span);
      return fetchProm(`/label/${encodeURIComponent(what.label)}/values`, { params: { ...span, 'match[]': what.match || undefined } });
    case 'names':
      return (await fetchProm('/labels', { params: span })).filter(matcher(what.pattern));
    case 'metrics':
      return (await fetchProm('/label/__name__/values', { params: span })).filter(matcher(what.pattern));
    case 'result': {
      const data = await fetchProm('/query', { params: { query: what.expr, time: span.end } });
      return resultTexts(data);
    }
    case 'series':
      return (await fetchProm('/series', { params: { ...span, 'match[]': what.match } })).map(formatLabels);
  }
}

/** A selector longer than this does not fit into an address everywhere; then the series are asked for, which may be posted. */
const MATCH_LENGTH_MAX = 4000;

/** @param {string} label @param {string} match @param {{start: string, end: string}} span @returns {Promise<string[]>} */
async function labelOfSeries(label, match, span) {
  const series = await postProm('/series', { ...span, 'match[]': match });
  return [...new Set(series.flatMap((/** @type {Record<string, string>} */ labels) => labels[label] ?? []))].map(String).sort();
}

/** The same of the log store; times are nanoseconds there. @param {string} text @returns {Promise<string[]>} */
async function askLogs(text) {
  if (text === '') return [];
  const { from, to } = range.peek();
  const span = { start: `${Math.round(from)}000000`, end: `${Math.round(to)}000000` };
  const what = readQuery(text);
  if (what.kind === 'names') return (await fetchLoki('/labels', { params: span })).filter(matcher(what.pattern));
  if (what.kind === 'values') return fetchLoki(`/label/${encodeURIComponent(what.label)}/values`, { params: { ...span, query: what.match || undefined } });
  return [];
}

/** What queries of variables may name besides variables. */
function builtIns() {
  const { from, to } = range.peek();
  const seconds = Math.max(1, Math.round((to - from) / 1000));
  const step = formatDuration(roundInterval((to - from) / AUTO_COUNT));
  return { __range: `${seconds}s`, __range_s: String(seconds), __range_ms: String(to - from), __interval: step, __rate_interval: step, __searchFilter: '' };
}

/** @param {string} pattern @returns {(text: string) => boolean} */
function matcher(pattern) {
  const re = new RegExp(pattern);
  return (text) => re.test(text);
}

/** Rows of `query_result` as Grafana writes them: name and labels, value, time in ms. @param {any} data @returns {string[]} */
function resultTexts(data) {
  if (data.resultType === 'scalar' || data.resultType === 'string') return [String(data.result[1])];
  return (data.result ?? []).map((/** @type {any} */ row) => `${formatLabels(row.metric)} ${row.value[1]} ${row.value[0] * 1000}`);
}

/** An interval variable set to auto follows the range. @param {VariableValue} value @param {any} raw @returns {VariableValue} */
function withAuto(value, raw) {
  if (raw?.type !== 'interval' || value.value !== AUTO) return value;
  const { from, to } = range.peek();
  const least = parseDuration(String(raw.auto_min ?? AUTO_MIN)) ?? 0;
  const length = roundInterval((to - from) / (Number(raw.auto_count) || AUTO_COUNT));
  return { ...value, value: formatDuration(Math.max(length, least)) };
}
