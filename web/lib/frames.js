// From the answers to a panel's queries to columns that share one x, with names and configuration. No drawing and no fetching here.
import { fieldConfig } from './fields.js';
import { modernPanel } from './migrate.js';
import { interpolate } from './interpolate.js';
import { nameSeries } from './names.js';
import { panelTargets } from './plan.js';

/** @typedef {import('./interpolate.js').Variables} Variables */
/** @typedef {import('./fields.js').FieldConfig} FieldConfig */
/** @typedef {import('./types.d.ts').TargetResult} TargetResult */
/** @typedef {import('./plan.js').PanelTarget} PanelTarget */

export { joinPlans, panelTargets, planTargets } from './plan.js';

/**
 * @typedef {object} Field
 * @property {string} refId
 * @property {string} name     as shown
 * @property {string} rawName  "Value"
 * @property {Record<string, string>} labels
 * @property {Array<number | null | undefined>} values null: no value; undefined: this series has no point at that x (it has a coarser step)
 * @property {FieldConfig} config
 * @property {number} index    place in the palette
 * @property {number} stepMs
 * @property {boolean} instant
 * @property {string} format   "time_series", "table" or "heatmap"
 *
 * @typedef {object} FrameError
 * @property {string} refId
 * @property {string} message
 *
 * @typedef {object} Frames
 * @property {number[]} x     times in ms, ascending, shared by all fields
 * @property {number} from    the queried range
 * @property {number} to
 * @property {number} stepMs  the smallest step; 0 when everything is instant
 * @property {Field[]} fields in the order of targets, then of the answer
 * @property {FrameError[]} errors
 * @property {string[]} warnings
 * @property {{kind: 'ok' | 'empty' | 'error', message: string}} state
 */

/**
 * @param {any} given the panel as in the file
 * @param {ReadonlyArray<TargetResult> | {results?: ReadonlyArray<TargetResult>} | null | undefined} results
 * @param {{variables?: Variables, from?: number, to?: number}} [context]
 * @returns {Frames}
 */
export function toFrames(given, results, context = {}) {
  const panel = modernPanel(given);
  const list = Array.isArray(results) ? results : (/** @type {any} */ (results)?.results ?? []);
  const variables = context.variables ?? {};
  const answers = gather(panel, list);
  const x = sharedX(answers);
  const raw = answers.flatMap((answer) => rawFields(answer, x));
  const names = nameSeries(
    raw.map(({ labels, target }) => ({
      labels,
      expr: String(target.json.expr ?? ''),
      legend: interpolate(target.json.legendFormat ?? '', variables),
    })),
  );
  const fields = raw.map((field, index) => finishField(panel, field, names[index], index, variables));
  const errors = answers
    .filter((answer) => answer.result.error)
    .map((answer) => ({ ...answer.result.error, refId: answer.target.refId, message: answer.result.error?.message ?? '' }));
  const steps = answers.filter((answer) => !answer.instant && answer.result.step).map((answer) => Number(answer.result.step));
  return {
    x,
    fields,
    errors,
    from: context.from ?? x[0] ?? 0,
    to: context.to ?? x[x.length - 1] ?? 0,
    stepMs: steps.length > 0 ? Math.min(...steps) : 0,
    warnings: [...new Set(answers.flatMap((answer) => answer.result.warnings ?? []))],
    state: stateOf(answers, fields, errors),
  };
}

/**
 * @typedef {object} Answer
 * @property {PanelTarget} target
 * @property {boolean} instant
 * @property {TargetResult} result
 */

/** Answers in the order of the panel's targets. @param {any} panel @param {ReadonlyArray<TargetResult>} list @returns {Answer[]} */
function gather(panel, list) {
  const byId = new Map(list.map((result) => [String(result.id), result]));
  const found = [];
  for (const target of panelTargets(panel)) {
    const id = `${panel?.id ?? 0}:${target.refId}`;
    for (const [key, instant] of /** @type {Array<[string, boolean]>} */ ([
      [id, target.json.instant === true && target.json.range !== true],
      [`${id}:instant`, true],
    ])) {
      const result = byId.get(key);
      if (result) found.push({ target, instant, result });
    }
  }
  return found;
}

/** Every time any answer has a step at. @param {Answer[]} answers @returns {number[]} */
function sharedX(answers) {
  const grids = answers.filter(({ result }) => (result.series?.length ?? 0) > 0);
  const first = grids[0]?.result;
  const same = grids.every(({ result }) => result.start === first?.start && result.step === first?.step && result.count === first?.count);
  if (first && same) return times(first);
  const all = new Set(grids.flatMap(({ result }) => times(result)));
  return [...all].sort((a, b) => a - b);
}

/** @param {TargetResult} result */
function times(result) {
  return Array.from({ length: result.count ?? 0 }, (_, i) => Number(result.start) + i * Number(result.step));
}

/** @param {Answer} answer @param {number[]} x */
function rawFields({ target, instant, result }, x) {
  const own = times(result);
  const isShared = own.length === x.length && own[0] === x[0];
  const places = isShared ? null : new Map(x.map((t, i) => [t, i]));
  return (result.series ?? []).map((series) => {
    const values = series.values.map(toNumber);
    return {
      target,
      instant,
      labels: series.labels ?? {},
      stepMs: Number(result.step ?? 0),
      values: places ? spread(values, own, places, x.length) : values,
    };
  });
}

/** @param {unknown} value @returns {number | null} */
function toNumber(value) {
  if (typeof value === 'number' || value === null) return value;
  if (value === '+Inf') return Infinity;
  return value === '-Inf' ? -Infinity : value === 'NaN' ? NaN : null;
}

/** @param {Array<number | null>} values @param {number[]} own @param {Map<number, number>} places @param {number} length */
function spread(values, own, places, length) {
  /** @type {Array<number | null | undefined>} */
  const wide = new Array(length).fill(undefined);
  values.forEach((value, i) => {
    const at = places.get(own[i]);
    if (at !== undefined) wide[at] = value;
  });
  return wide;
}

/**
 * @param {any} panel
 * @param {ReturnType<typeof rawFields>[number]} raw
 * @param {string} name
 * @param {number} index
 * @param {Variables} variables
 * @returns {Field}
 */
function finishField(panel, raw, name, index, variables) {
  const { target, labels, values, stepMs, instant } = raw;
  const config = fieldConfig(panel, { name, rawName: 'Value', refId: target.refId, type: 'number', labels, values }, variables);
  const format = typeof target.json.format === 'string' && target.json.format !== '' ? target.json.format : 'time_series';
  return {
    refId: target.refId,
    name: config.displayName ?? name,
    rawName: 'Value',
    labels,
    values,
    config,
    index,
    stepMs,
    instant,
    format,
  };
}

/** @param {Answer[]} answers @param {Field[]} fields @param {FrameError[]} errors @returns {Frames['state']} */
function stateOf(answers, fields, errors) {
  if (errors.length > 0 && errors.length === answers.length) return { kind: 'error', message: errors[0].message };
  const any = fields.some((field) => field.values.some((value) => value !== null && value !== undefined));
  return any ? { kind: 'ok', message: '' } : { kind: 'empty', message: 'No data in this time range' };
}
