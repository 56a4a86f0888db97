// Answers of a panel's targets, matched to the targets, on one shared x. Pure.
import { isInstant, panelTargets } from './plan.js';

/** @typedef {import('./types.d.ts').TargetResult} TargetResult */
/** @typedef {import('./plan.js').PanelTarget} PanelTarget */

/**
 * @typedef {object} Answer
 * @property {PanelTarget} target
 * @property {boolean} instant
 * @property {TargetResult} result
 *
 * @typedef {object} RawField
 * @property {PanelTarget} target
 * @property {boolean} instant
 * @property {Record<string, string>} labels
 * @property {number} stepMs
 * @property {Array<number | null | undefined>} values
 */

/** Answers in the order of the panel's targets. @param {any} panel @param {ReadonlyArray<TargetResult>} list @returns {Answer[]} */
export function gather(panel, list) {
  const byId = new Map(list.map((result) => [String(result.id), result]));
  const found = [];
  for (const target of panelTargets(panel)) {
    const id = `${panel?.id ?? 0}:${target.refId}`;
    for (const [key, instant] of /** @type {Array<[string, boolean]>} */ ([
      [id, isInstant(target.json)],
      [`${id}:instant`, true],
    ])) {
      const result = byId.get(key);
      if (result) found.push({ target, instant, result });
    }
  }
  return found;
}

/** Every time any answer has a step at. @param {Answer[]} answers @returns {number[]} */
export function sharedX(answers) {
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

/** @param {Answer} answer @param {number[]} x @returns {RawField[]} */
export function rawFields({ target, instant, result }, x) {
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
