// What a panel asks for: its targets with final expressions and steps, and the range they share.
import { interpolate } from './interpolate.js';
import { alignDown, formatDuration, planStep, SCRAPE_INTERVAL_DEFAULT_MS } from './step.js';

/** @typedef {import('./interpolate.js').Variables} Variables */
/** @typedef {import('./types.d.ts').Target} Target */
/** @typedef {import('./types.d.ts').Plan} Plan */

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

/**
 * The targets that run, each with its refId (files often leave it out: then A, B, C…, skipping used ones).
 * @param {any} panel
 * @returns {PanelTarget[]}
 */
export function panelTargets(panel) {
  const all = Array.isArray(panel?.targets) ? panel.targets : [];
  const used = new Set(all.map((/** @type {any} */ target) => target?.refId).filter(Boolean));
  const free = freeIds(used);
  return all
    .filter((/** @type {any} */ target) => target && typeof target === 'object')
    .map((/** @type {any} */ target) => ({ refId: String(target.refId || free.next().value), json: target }))
    .filter((/** @type {PanelTarget} */ target) => target.json.hide !== true && String(target.json.expr ?? '').trim() !== '');
}

/** @param {Set<string>} used */
function* freeIds(used) {
  for (let i = 0; ; i++) {
    const id = i < 26 ? String.fromCharCode(65 + i) : `A${i}`;
    if (!used.has(id)) yield id;
  }
}

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
  for (const { refId, json } of panelTargets(panel)) {
    const plan = planOne(panel, json, variables, rangeMs, input);
    const id = `${panel.id ?? 0}:${refId}`;
    const expr = interpolate(json.expr, { ...variables, ...builtIns(plan, rangeMs, input) }, 'promql');
    if (json.instant !== true || json.range === true) targets.push({ id, expr, step_ms: plan.stepMs, instant: false });
    if (json.instant === true) targets.push({ id: json.range === true ? `${id}:instant` : id, expr, step_ms: plan.stepMs, instant: true });
  }
  const step = Math.max(0, ...targets.filter((target) => !target.instant).map((target) => target.step_ms));
  if (step === 0) return { from: input.from, to: input.to, targets };
  const offset = input.utcOffsetMs ?? -new Date(input.to).getTimezoneOffset() * 60_000;
  const last = alignDown(input.to, step, offset);
  const to = last < input.to && isBuckets(panel) ? last + step : last;
  return { from: alignDown(input.from, step, offset), to, targets };
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
 * @param {ReadonlyArray<Plan>} plans at least one
 * @returns {Plan}
 */
export function joinPlans(plans) {
  const { from, to } = plans[0];
  const targets = plans.flatMap((plan) => (plan.from === from && plan.to === to ? plan.targets : plan.targets.map((target) => ({ ...target, from: plan.from, to: plan.to }))));
  return { from, to, targets };
}

/** @param {any} panel @param {any} target @param {Variables} variables @param {number} rangeMs @param {PlanInput} input */
function planOne(panel, target, variables, rangeMs, input) {
  return planStep({
    rangeMs,
    widthPx: Number(panel.maxDataPoints) > 0 ? Number(panel.maxDataPoints) : Math.round(input.widthPx),
    scrapeMs: input.scrapeIntervalMs ?? SCRAPE_INTERVAL_DEFAULT_MS,
    panelInterval: interpolate(panel.interval ?? '', variables),
    targetInterval: interpolate(target.interval ?? '', variables),
    intervalFactor: target.intervalFactor,
  });
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
