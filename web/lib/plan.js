// What a panel asks for: its targets with final expressions and steps, and the range they share.
import { withFilters } from './adhoc.js';
import { isLogQuery, sourceOf } from './datasource.js';
import { isExpression, neededRefs } from './expr/index.js';
import { interpolate } from './interpolate.js';
import { alignDown, formatDuration, parseDuration, planStep, POINTS_MAX, SCRAPE_INTERVAL_DEFAULT_MS } from './step.js';

/** @typedef {import('./interpolate.js').Variables} Variables */
/** @typedef {import('./types.d.ts').Target} Target */
/** @typedef {import('./types.d.ts').Plan} Plan */
/** @typedef {import('./types.d.ts').Round} Round */

/**
 * @typedef {object} PlanInput
 * @property {number} from
 * @property {number} to
 * @property {number} widthPx
 * @property {Variables} [variables]
 * @property {number} [scrapeIntervalMs]
 * @property {number} [utcOffsetMs]  for steps of days; the browser's own by default
 *
 * @typedef {object} PanelTarget
 * @property {string} refId
 * @property {any} json
 */

/** The targets whose answers are shown. @param {any} panel @returns {PanelTarget[]} */
export function panelTargets(panel) {
  return shownTargets(panel).filter(({ json }) => asks(json) || isExpression(json));
}

/** The targets that somebody has to be asked about: those shown, and hidden ones that expressions are made of. @param {any} panel @returns {PanelTarget[]} */
function askedTargets(panel) {
  const all = allTargets(panel);
  const needed = neededRefs(all);
  return all.filter(({ refId, json }) => asks(json) && !isExpression(json) && (json.hide !== true || needed.has(refId)));
}

/** @param {any} json */
const asks = (json) => String(json.expr ?? '').trim() !== '';

/** Those that are not switched off, whatever they ask and whom. @param {any} panel @returns {PanelTarget[]} */
export function shownTargets(panel) {
  return allTargets(panel).filter((/** @type {PanelTarget} */ target) => target.json.hide !== true);
}

/** Each with its refId (files often leave it out: then A, B, C…, skipping used ones). @param {any} panel @returns {PanelTarget[]} */
export function allTargets(panel) {
  const all = Array.isArray(panel?.targets) ? panel.targets : [];
  const used = new Set(all.map((/** @type {any} */ target) => target?.refId).filter(Boolean));
  const free = freeIds(used);
  return all
    .filter((/** @type {any} */ target) => target && typeof target === 'object')
    .map((/** @type {any} */ target) => ({ refId: String(target.refId || free.next().value), json: target }));
}

/** @param {Set<string>} used */
function* freeIds(used) {
  for (let i = 0; ; i++) {
    const id = i < 26 ? String.fromCharCode(65 + i) : `A${i}`;
    if (!used.has(id)) yield id;
  }
}

/** Whether a target is asked at one moment only. @param {any} json */
export const isInstant = (json) => json.queryType === 'instant' || (json.instant === true && json.range !== true);

/**
 * What to ask for. The range is moved down to the panel's step, so that a refresh asks for the same points again.
 * @param {any} panel
 * @param {PlanInput} input
 * @returns {Plan}
 */
export function planTargets(panel, input) {
  const variables = input.variables ?? {};
  const rangeMs = Math.max(1, input.to - input.from);
  /** @type {Target[]} */
  const targets = [];
  for (const { refId, json } of askedTargets(panel)) {
    const id = `${panel.id ?? 0}:${refId}`;
    const { language } = sourceOf(json, panel, variables);
    if (language === 'promql') targets.push(...promTargets(id, panel, json, rangeMs, input));
    if (language === 'logql') targets.push(logTarget(id, panel, json, rangeMs, input));
  }
  const step = Math.max(0, ...targets.filter((target) => !target.instant && target.from === undefined).map((target) => target.step_ms));
  if (step === 0) return { from: input.from, to: input.to, grain_ms: 1, rounds_up: false, targets };
  const offset = input.utcOffsetMs ?? -new Date(input.to).getTimezoneOffset() * 60_000;
  const last = alignDown(input.to, step, offset);
  const roundsUp = isBuckets(panel);
  const to = last < input.to && roundsUp ? last + step : last;
  return { from: alignDown(input.from, step, offset), to, grain_ms: step, rounds_up: roundsUp, targets };
}

/**
 * Whether the columns of a panel are spans of time, each drawn to the left of its end. Then the one that the range cuts,
 * or that still fills, is wanted too: without it the newest data would be a whole step late.
 * @param {any} panel
 */
function isBuckets(panel) {
  return panel.type === 'heatmap' && panel.options?.calculate !== true;
}

/**
 * One plan out of those of several panels: targets keep the range of their own panel.
 * @param {ReadonlyArray<Round>} plans at least one
 * @returns {Round}
 */
export function joinPlans(plans) {
  const { from, to } = plans[0];
  const targets = plans.flatMap((plan) => (plan.from === from && plan.to === to ? plan.targets : plan.targets.map((target) => ({ from: plan.from, to: plan.to, ...target }))));
  return { from, to, targets };
}

/** @param {string} id @param {any} panel @param {any} json @param {number} rangeMs @param {PlanInput} input @returns {Target[]} */
function promTargets(id, panel, json, rangeMs, input) {
  const variables = input.variables ?? {};
  const plan = planStep({
    rangeMs,
    widthPx: widthOf(panel, input),
    scrapeMs: input.scrapeIntervalMs ?? SCRAPE_INTERVAL_DEFAULT_MS,
    panelInterval: interpolate(panel.interval ?? '', variables),
    targetInterval: interpolate(json.interval ?? '', variables),
    intervalFactor: json.intervalFactor,
  });
  const expr = withFilters(interpolate(json.expr, { ...variables, ...builtIns(plan, rangeMs, input) }, 'promql'), filtersOf(variables), 'promql');
  return [
    ...(json.instant !== true || json.range === true ? [{ id, expr, step_ms: plan.stepMs, instant: false }] : []),
    ...(json.instant === true ? [{ id: json.range === true ? `${id}:instant` : id, expr, step_ms: plan.stepMs, instant: true }] : []),
  ];
}

/** Loki counts its own intervals: they are not tied to scrapes. */
const LOG_INTERVAL_MS_MIN = 1000;
const LINES_DEFAULT = 1000;
/** The API refuses to give more lines at once. */
const LINES_MAX = 5000;

/** @param {string} id @param {any} panel @param {any} json @param {number} rangeMs @param {PlanInput} input @returns {Target} */
function logTarget(id, panel, json, rangeMs, input) {
  const variables = input.variables ?? {};
  const { intervalMs } = planStep({ rangeMs, widthPx: widthOf(panel, input), scrapeMs: LOG_INTERVAL_MS_MIN, panelInterval: interpolate(panel.interval ?? '', variables) });
  const resolution = Number(json.resolution) > 0 ? Number(json.resolution) : 1;
  const own = parseDuration(interpolate(json.step ?? '', variables));
  const stepMs = Math.ceil(own === null ? Math.max(intervalMs * resolution, rangeMs / (POINTS_MAX - 1)) : Math.max(own * resolution, rangeMs / (POINTS_MAX - 1)));
  const instant = json.queryType === 'instant' || (json.queryType === undefined && json.instant === true);
  const words = { ...builtIns({ intervalMs, stepMs: intervalMs, rateIntervalMs: intervalMs }, rangeMs, input), __auto: formatDuration(instant ? rangeMs : stepMs) };
  const expr = withFilters(interpolate(json.expr, { ...variables, ...words }, 'logql'), filtersOf(variables), 'logql');
  if (!isLogQuery(expr)) return { id, expr, step_ms: stepMs, instant, language: 'logql' };
  const limit = Math.min(LINES_MAX, Math.max(1, Math.round(Number(json.maxLines) || LINES_DEFAULT)));
  const direction = json.direction === 'forward' ? 'forward' : 'backward';
  return { id, expr, step_ms: stepMs, instant: false, language: 'logql', limit, direction, from: input.from, to: input.to };
}

/** @param {Variables} variables @returns {import('./adhoc.js').Filter[]} */
function filtersOf(variables) {
  return Object.values(variables).flatMap((/** @type {any} */ variable) => (Array.isArray(variable?.filters) ? variable.filters : []));
}

/** @param {any} panel @param {PlanInput} input */
function widthOf(panel, input) {
  return Number(panel.maxDataPoints) > 0 ? Number(panel.maxDataPoints) : Math.round(input.widthPx);
}

/** @param {import('./step.js').StepPlan} plan @param {number} rangeMs @param {PlanInput} input @returns {Variables} */
function builtIns(plan, rangeMs, { from, to }) {
  return {
    __interval: formatDuration(plan.stepMs),
    __interval_ms: String(plan.stepMs),
    __rate_interval: formatDuration(plan.rateIntervalMs),
    __rate_interval_ms: String(plan.rateIntervalMs),
    __range: `${Math.round(rangeMs / 1000)}s`,
    __range_s: String(Math.round(rangeMs / 1000)),
    __range_ms: String(rangeMs),
    __from: String(from),
    __to: String(to),
    __auto: formatDuration(plan.stepMs),
    timeFilter: '',
    __searchFilter: '',
  };
}

/**
 * The range of one panel: its own `timeFrom` and `timeShift` over the dashboard's. The note is for the panel's head.
 * @param {any} panel
 * @param {{from: number, to: number}} range
 * @param {Variables} variables
 * @returns {{from: number, to: number, note: string}}
 */
export function panelRange(panel, { from, to }, variables) {
  const text = (/** @type {unknown} */ given) => interpolate(given ?? '', variables).replace(/^now-/, '').trim();
  const [own, shift] = [parseDuration(text(panel?.timeFrom)), parseDuration(text(panel?.timeShift))];
  const length = own ?? to - from;
  const note = [own === null ? '' : `last ${text(panel.timeFrom)}`, shift === null ? '' : `${text(panel.timeShift)} earlier`].filter(Boolean).join(', ');
  return { from: to - length - (shift ?? 0), to: to - (shift ?? 0), note: panel?.hideTimeOverride === true ? '' : note };
}
