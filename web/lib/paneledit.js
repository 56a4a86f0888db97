// Editing a panel without drawing: what can be changed, what was changed, and the panel as it would then be. Pure.

/** @typedef {import('./types.d.ts').PanelJson} PanelJson */

/** @typedef {{value: number | null, color: string}} Step the first has no lower end */

/**
 * @typedef {object} Draft
 * @property {string} title
 * @property {string} unit
 * @property {Step[]} thresholds
 * @property {{at: number, refId: string, expr: string}[]} queries at: place of the target in the file
 *
 * @typedef {object} Changes as the API takes them; only what is another one
 * @property {string} [title]
 * @property {string} [unit]
 * @property {Step[]} [thresholds]
 * @property {Record<string, string>} [queries]
 */

/** Panels that came before field configuration keep unit and thresholds in another form, which is not written. */
const OLD_TYPES = ['graph', 'singlestat', 'table-old', 'grafana-singlestat-panel'];

/** Units on offer, as Grafana names them; any other may be typed. */
export const UNITS = ['none', 'short', 'percent', 'percentunit', 's', 'ms', 'µs', 'ns', 'bytes', 'decbytes', 'Bps', 'bps', 'reqps', 'ops', 'eps', 'rpm', 'hertz', 'celsius', 'currencyUSD', 'currencyEUR', 'dtdurations', 'dateTimeAsIso'];

/** Colours on offer for a threshold. */
export const COLORS = ['green', 'yellow', 'orange', 'red', 'blue', 'purple', 'transparent'];

/** Whether unit and thresholds can be changed. @param {PanelJson} panel */
export const hasFields = (panel) => !OLD_TYPES.includes(panel.type) && panel.type !== 'text' && panel.type !== 'row';

/** What can be changed, as it is now. @param {PanelJson} panel @returns {Draft} */
export function draftOf(panel) {
  const defaults = panel.fieldConfig?.defaults ?? {};
  const steps = Array.isArray(defaults.thresholds?.steps) ? defaults.thresholds.steps : [];
  return {
    title: String(panel.title ?? ''),
    unit: String(defaults.unit ?? ''),
    thresholds: steps.map((/** @type {any} */ step, /** @type {number} */ at) => ({ value: at === 0 ? null : Number(step?.value ?? 0), color: String(step?.color ?? 'green') })),
    queries: (panel.targets ?? []).flatMap((target, at) => (typeof target?.expr === 'string' ? [{ at, refId: String(target.refId ?? at + 1), expr: target.expr }] : [])),
  };
}

/** What is another one than before; an empty object when nothing is. @param {Draft} before @param {Draft} now @returns {Changes} */
export function changesOf(before, now) {
  /** @type {Changes} */
  const changes = {};
  if (now.title !== before.title) changes.title = now.title;
  if (now.unit !== before.unit) changes.unit = now.unit;
  if (JSON.stringify(now.thresholds) !== JSON.stringify(before.thresholds)) changes.thresholds = now.thresholds;
  const queries = now.queries.filter((query, i) => query.expr !== before.queries[i]?.expr);
  if (queries.length > 0) changes.queries = Object.fromEntries(queries.map(({ at, expr }) => [String(at), expr]));
  return changes;
}

/** The panel as it would be. @param {PanelJson} panel @param {Changes} changes @returns {PanelJson} */
export function withChanges(panel, { title, unit, thresholds, queries = {} }) {
  const next = { ...panel, targets: panel.targets?.map((target, at) => (queries[at] === undefined ? target : { ...target, expr: queries[at] })) };
  if (title !== undefined) next.title = title;
  if (unit === undefined && thresholds === undefined) return next;
  const defaults = { ...panel.fieldConfig?.defaults };
  if (unit !== undefined) defaults.unit = unit;
  if (thresholds !== undefined) defaults.thresholds = { mode: 'absolute', ...defaults.thresholds, steps: thresholds };
  return { ...next, fieldConfig: { overrides: [], ...panel.fieldConfig, defaults } };
}

/** Why thresholds cannot be written as they are; empty when they can. @param {Step[]} steps */
export function thresholdProblem(steps) {
  const values = steps.slice(1).map((step) => step.value);
  if (values.some((value) => value === null || !Number.isFinite(value))) return 'A threshold needs a number.';
  return values.some((value, at) => at > 0 && Number(value) <= Number(values[at - 1])) ? 'Each threshold must be above the one before it.' : '';
}

/** The list with one panel replaced, wherever it lies. @param {PanelJson[]} panels @param {number} id @param {PanelJson} next @returns {PanelJson[]} */
export function replacedPanel(panels, id, next) {
  return panels.map((panel) => {
    if (panel.id === id) return next;
    return panel.panels ? { ...panel, panels: replacedPanel(panel.panels, id, next) } : panel;
  });
}
