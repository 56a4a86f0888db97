// From the answers to a panel's queries to what panels draw: columns that share one x, tables, lines of logs; with names and configuration.
// No drawing and no fetching here.
import { gather, rawFields, sharedX } from './answers.js';
import { dataFrames } from './dataframe.js';
import { sourceOf } from './datasource.js';
import { isExpression, withExpressions } from './expr/index.js';
import { fieldConfig } from './fields.js';
import { interpolate } from './interpolate.js';
import { linesOf } from './loglines.js';
import { modernPanel } from './migrate.js';
import { nameSeries } from './names.js';
import { allTargets, panelTargets, shownTargets } from './plan.js';
import { fieldsOfTables, shownTables } from './shown.js';
import { activeTransforms, transformFrames } from './transform/index.js';

/** @typedef {import('./interpolate.js').Variables} Variables */
/** @typedef {import('./fields.js').FieldConfig} FieldConfig */
/** @typedef {import('./types.d.ts').TargetResult} TargetResult */
/** @typedef {import('./answers.js').Answer} Answer */
/** @typedef {import('./answers.js').RawField} RawField */

export { joinPlans, panelRange, panelTargets, planTargets } from './plan.js';

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
 * @property {import('./shown.js').ShownFrame[]} tables after the transformations; empty for panels that draw none
 * @property {import('./loglines.js').LogLine[]} lines
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
  const answers = gather(panel, withExpressions(panel, allTargets(panel), list, { ...context, variables }));
  const wide = sharedX(answers);
  const raw = answers.flatMap((answer) => rawFields(answer, wide));
  const names = nameSeries(
    raw.map(({ labels, target }) => ({
      labels,
      expr: String(target.json.expr ?? target.refId),
      legend: interpolate(target.json.legendFormat ?? '', variables),
    })),
  );
  const tables = wantsTables(panel) ? shownTables(panel, tablesOf(panel, raw, names, wide, variables), variables) : [];
  const fromTables = tables.length > 0 && drawsTables(panel);
  const { x, fields } = fromTables
    ? fieldsOfTables(tables)
    : { x: wide, fields: raw.map((field, index) => finishField(panel, field, names[index], index, variables)) };
  const errors = [...missingSources(panel, variables).map(({ refId, message }) => ({ refId, message })), ...failures(answers)];
  const lines = linesOf(answers);
  const steps = answers.filter((answer) => !answer.instant && answer.result.step).map((answer) => Number(answer.result.step));
  return {
    x,
    fields,
    tables,
    lines,
    errors,
    from: context.from ?? wide[0] ?? 0,
    to: context.to ?? wide[wide.length - 1] ?? 0,
    stepMs: steps.length > 0 ? Math.min(...steps) : 0,
    warnings: [...new Set(answers.flatMap((answer) => answer.result.warnings ?? []))],
    state: stateOf(panel, fields, tables, lines.length, errors),
  };
}

/** Kinds that draw a table, or rows of one. */
const BY_ROWS = new Set(['table', 'barchart']);
/** Kinds that draw series even out of a query that asks for a table. */
const BY_SERIES = new Set(['timeseries', 'heatmap', 'logs']);

/** @param {any} panel */
function wantsTables(panel) {
  const { values, fields } = panel?.options?.reduceOptions ?? {};
  return BY_ROWS.has(panel?.type) || values === true || Boolean(fields) || drawsTables(panel);
}

/** Whether the series are taken from tables, too: transformations, or a query that asks for a table where rows are values. @param {any} panel */
function drawsTables(panel) {
  return activeTransforms(panel).length > 0 || (!BY_SERIES.has(panel?.type) && panelTargets(panel).some(({ json }) => formatOf(json) === 'table'));
}

/** @param {any} panel @param {RawField[]} raw @param {string[]} names @param {number[]} x @param {Variables} variables */
function tablesOf(panel, raw, names, x, variables) {
  const list = raw.map((one, i) => ({ refId: one.target.refId, name: names[i], format: formatOf(one.target.json), labels: one.labels, values: one.values, stepMs: one.stepMs, tagged: isLogTable(one.target.json) }));
  const tableCount = panelTargets(panel).filter(({ json }) => formatOf(json) === 'table').length;
  return transformFrames(dataFrames(list, x, tableCount), panel, variables);
}

/** Numbers out of logs at one moment are a table in Grafana, whose values carry their query's name. @param {any} json */
const isLogTable = (json) => json.queryType === 'instant';

/** @param {any} json */
function formatOf(json) {
  if (isLogTable(json)) return 'table';
  return typeof json.format === 'string' && json.format !== '' ? json.format : 'time_series';
}

/**
 * @param {any} panel
 * @param {RawField} raw
 * @param {string} name
 * @param {number} index
 * @param {Variables} variables
 * @returns {Field}
 */
function finishField(panel, raw, name, index, variables) {
  const { target, labels, values, stepMs, instant } = raw;
  const config = fieldConfig(panel, { name, rawName: 'Value', refId: target.refId, type: 'number', labels, values }, variables);
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
    format: formatOf(target.json),
  };
}

/** Queries that no source of ours can answer. @param {any} panel @param {Variables} variables @returns {(FrameError & {type: string})[]} */
export function missingSources(panel, variables) {
  return shownTargets(panel).flatMap(({ refId, json }) => {
    const { language, type } = sourceOf(json, panel, variables);
    if (language !== null || isExpression(json)) return [];
    const what = type === 'expression' ? `expressions of type ${json.type ?? 'unknown'}` : `data sources of type ${type}`;
    return [{ refId, type, message: `${what} are not available here` }];
  });
}

/** @param {Answer[]} answers @returns {FrameError[]} */
function failures(answers) {
  return answers
    .filter((answer) => answer.result.error)
    .map((answer) => ({ ...answer.result.error, refId: answer.target.refId, message: answer.result.error?.message ?? '' }));
}

/** @param {any} panel @param {Field[]} fields @param {Frames['tables']} tables @param {number} lines @param {FrameError[]} errors @returns {Frames['state']} */
function stateOf(panel, fields, tables, lines, errors) {
  const asked = new Set([...panelTargets(panel), ...errors].map((target) => target.refId));
  for (const { refId } of errors) asked.delete(refId);
  if (errors.length > 0 && asked.size === 0) return { kind: 'error', message: errors[0].message };
  const isKnown = (/** @type {unknown} */ value) => value !== null && value !== undefined;
  const any = lines > 0 || fields.some((field) => field.values.some(isKnown)) || tables.some((table) => table.columns.some((one) => one.values.some(isKnown)));
  return any ? { kind: 'ok', message: '' } : { kind: 'empty', message: 'No data in this time range' };
}
