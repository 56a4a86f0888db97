// What a page asks of a stream of rounds: the plans of its panels, and how their spans move as time goes on. Pure.
import { joinPlans } from './plan.js';

/** @typedef {import('./types.d.ts').Plan} Plan */
/** @typedef {import('./types.d.ts').Range} Range */
/** @typedef {import('./types.d.ts').Target} Target */

/**
 * @typedef {object} Moves how the ends of a span move: by whole grains; an end that is missing stands still
 * @property {number} grain_ms
 * @property {number} [from] ms of the next grain that have passed already
 * @property {number} [to]
 *
 * @typedef {object} LivePanel
 * @property {Plan} plan
 * @property {Range} own what the plan was made of
 * @property {Range} later the same, `everyMs` later
 */

/**
 * @param {ReadonlyArray<LivePanel>} panels at least one
 * @param {number} everyMs
 * @param {number} firstMs until the first round
 */
export function liveRequest(panels, everyMs, firstMs) {
  const round = { ...joinPlans(panels.map((panel) => panel.plan)), why: true };
  return { round, moves: panels.flatMap((panel) => movesOf(panel, everyMs)), every_ms: everyMs, first_ms: Math.round(firstMs) };
}

/** Of each target of a panel. @param {LivePanel} panel @param {number} everyMs @returns {Moves[]} */
export function movesOf({ plan, own, later }, everyMs) {
  return plan.targets.map((target) => {
    // Lines are asked for from moment to moment, whatever the steps of others.
    const isAligned = target.from === undefined;
    const grain = isAligned ? plan.grain_ms : 1;
    // An end that is rounded up stays for the whole of its last millisecond.
    const last = isAligned && plan.rounds_up ? own.to - 1 : own.to;
    const passed = (/** @type {number} */ end, /** @type {number} */ aligned) => (((end - aligned) % grain) + grain) % grain;
    return {
      grain_ms: grain,
      ...(later.from - own.from === everyMs ? { from: passed(own.from, target.from ?? plan.from) } : {}),
      ...(later.to - own.to === everyMs ? { to: passed(last, target.to ?? plan.to) } : {}),
    };
  });
}

/** The targets of a plan with their spans, `elapsedMs` later. @param {Plan} plan @param {ReadonlyArray<Moves>} moves @param {number} elapsedMs @returns {Target[]} */
export function movedTargets(plan, moves, elapsedMs) {
  return plan.targets.map((target, at) => {
    const { grain_ms: grain, from, to } = moves[at];
    const by = (/** @type {number | undefined} */ passed) => (passed === undefined ? 0 : Math.floor((passed + elapsedMs) / grain) * grain);
    return { ...target, from: (target.from ?? plan.from) + by(from), to: (target.to ?? plan.to) + by(to) };
  });
}

/**
 * Whether targets as the monitor moved them are what the page would ask for by now. They are not where a query names its own
 * range, or a day begins.
 * @param {ReadonlyArray<Target>} moved
 * @param {Plan} plan
 */
export function isAsked(moved, plan) {
  const whole = plan.targets.map((target) => ({ ...target, from: target.from ?? plan.from, to: target.to ?? plan.to }));
  return JSON.stringify(moved) === JSON.stringify(whole);
}
