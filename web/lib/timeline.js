// States over time: runs of equal values, each with its text and colour. Pure.
import { resolveColor } from './color.js';
import { display, fieldExtent } from './display.js';
import { absoluteSteps, mapValue } from './thresholds.js';
import { formatValue } from './units.js';

/** @typedef {import('./frames.js').Field} Field */
/** @typedef {import('./color.js').Theme} Theme */
/** @typedef {{from: number, to: number, text: string, color: string, value: number}} Run ms; `to` outside */
/** @typedef {{name: string, field: Field, runs: Run[]}} Lane */

/**
 * A value holds until the next point, or for a step where the next is missing.
 * @param {import('./frames.js').Frames} frames
 * @param {{merge: boolean, theme: Theme}} how
 * @returns {Lane[]}
 */
export function lanesOf({ fields, x, to, stepMs }, { merge, theme }) {
  return fields
    .filter((field) => field.config.custom.hideFrom?.viz !== true)
    .map((field) => {
      const extent = fieldExtent(field, fields);
      const step = field.stepMs || stepMs || 60_000;
      /** @type {Run[]} */
      const runs = [];
      let open = false;
      field.values.forEach((value, at) => {
        if (value === undefined) return;
        if (value === null || Number.isNaN(value)) {
          if (open && runs.length > 0) runs[runs.length - 1].to = Math.min(runs[runs.length - 1].to, x[at]);
          open = false;
          const mapped = mapValue(value, field.config.mappings);
          if (!mapped) return;
        }
        const state = stateOf(field, value, extent, theme);
        const last = runs[runs.length - 1];
        const until = Math.min(x[at] + step, Math.max(to, x[at]));
        if (open && last && merge && last.text === state.text && last.color === state.color) last.to = until;
        else {
          if (open && last) last.to = x[at];
          runs.push({ from: x[at], to: until, value: Number(value), ...state });
        }
        open = true;
      });
      return { name: field.name, field, runs: runs.filter((run) => run.to > run.from) };
    });
}

/** What a value is called. By thresholds alone it is the span that it lies in. @param {Field} field @param {number | null} value @param {{min: number, max: number}} extent @param {Theme} theme */
function stateOf(field, value, extent, theme) {
  const shown = display(field, value, extent, theme);
  const { color, thresholds, mappings, unit, decimals } = field.config;
  if (color.mode !== 'thresholds' || thresholds.steps.length < 2 || typeof value !== 'number' || mapValue(value, mappings)) return { text: `${shown.prefix}${shown.text}${shown.suffix}`, color: shown.color };
  const steps = absoluteSteps(thresholds, extent.min, extent.max);
  const at = steps.findLastIndex((step) => value >= step.value);
  const [low, high] = [steps[at], steps[at + 1]];
  const word = (/** @type {number} */ bound) => formatValue(bound, unit, decimals);
  const text = !high ? `${word(low.value)}+` : Number.isFinite(low.value) ? `${word(low.value)} – ${word(high.value)}` : `< ${word(high.value)}`;
  return { text, color: resolveColor(low.color, theme) };
}

/** The run of a lane at a moment. @param {Lane | undefined} lane @param {number} ms */
export function runAt(lane, ms) {
  return lane?.runs.find((run) => run.from <= ms && ms < run.to) ?? null;
}

/** Each state once, in the order of its first coming. @param {Lane[]} lanes @returns {{text: string, color: string}[]} */
export function statesOf(lanes) {
  /** @type {Map<string, {text: string, color: string}>} */
  const states = new Map();
  for (const { runs } of lanes) for (const { text, color } of runs) states.set(`${text}|${color}`, { text, color });
  return [...states.values()];
}
