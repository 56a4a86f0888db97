// Asks for the data of the panels on the screen: all of them in one batch a refresh, the old picture kept until the
// new one is there.
//
// A panel is asked for when what it shows is not what it should show: another range, other variables, another width.
// While an answer is under way, a beat of the refresh does not ask again, or a slow answer would never be seen; a new
// question (range, variables) gives up the old answers. Panels whose ranges align to the same step share a request.
import { batch, effect, untracked } from '../../vendor/signals/signals.js';
import { ApiError, queryBatch } from '../../lib/client.js';
import { planTargets, toFrames } from '../../lib/frames.js';
import { findPanel } from '../../lib/layout.js';
import { range, rangeText, utc } from '../../shell/clock.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('../../lib/types.d.ts').PanelJson} PanelJson */
/** @typedef {import('../../lib/types.d.ts').Plan} Plan */
/** @typedef {import('../../lib/types.d.ts').Range} Range */
/** @typedef {{panel: PanelJson, plan: Plan, asked: string}} Wanted */

/** Widths within this many px ask for the same points, so that a scroll bar does not cause a query. */
const WIDTH_GRAIN_PX = 32;

/**
 * Keeps the data of `model` fresh until the returned function is called.
 * @param {Model} model
 */
export function runQueries(model) {
  /** @type {Set<AbortController>} */
  let rounds = new Set();
  let question = '';
  const stop = effect(() => {
    const now = range.value;
    const values = model.values.value;
    const shown = model.shown.value;
    const next = JSON.stringify([rangeText.value, utc.value, values]);
    if (!values) return;
    untracked(() => {
      if (next !== question) {
        for (const round of rounds) round.abort();
        rounds = new Set();
        question = next;
      }
      const wanted = pickPanels(model, shown, now, question);
      if (wanted.length > 0) ask(model, wanted, now, rounds);
    });
  });
  return () => {
    stop();
    for (const round of rounds) round.abort();
  };
}

/**
 * The panels that should be asked for now, marked as such.
 * @param {Model} model
 * @param {Map<number, number>} shown
 * @param {Range} now
 * @param {string} question
 * @returns {Wanted[]}
 */
function pickPanels(model, shown, now, question) {
  /** @type {Wanted[]} */
  const wanted = [];
  for (const [id, width] of shown) {
    const panel = findPanel(model.panels.peek(), id);
    const data = model.data(id);
    const grain = Math.round(width / WIDTH_GRAIN_PX);
    const asked = `${question} ${grain} ${now.from} ${now.to}`;
    const old = data.peek();
    const isSameQuestion = old.asked.startsWith(`${question} ${grain} `);
    if (!panel || old.asked === asked || (old.asking && isSameQuestion)) continue;
    const variables = variablesOf(model, panel);
    const plan = planTargets(panel, { ...now, widthPx: width, variables, scrapeIntervalMs: model.scrapeIntervalMs, ...(utc.peek() ? { utcOffsetMs: 0 } : {}) });
    data.value = { ...old, asked, targets: plan.targets, asking: plan.targets.length > 0 };
    if (plan.targets.length > 0) wanted.push({ panel, plan, asked });
    else data.value = { ...data.peek(), frames: toFrames(panel, [], { variables, ...now }), range: now };
  }
  return wanted;
}

/** @param {Model} model @param {PanelJson} panel */
const variablesOf = (model, panel) => ({ ...model.values.peek(), ...panel.scopedVars });

/**
 * @param {Model} model
 * @param {Wanted[]} wanted
 * @param {Range} now
 * @param {Set<AbortController>} rounds
 */
function ask(model, wanted, now, rounds) {
  const round = new AbortController();
  rounds.add(round);
  const requests = sameRange(wanted).map(async (group) => {
    const plan = { from: group[0].plan.from, to: group[0].plan.to, targets: group.flatMap((one) => one.plan.targets) };
    try {
      const results = await queryBatch(plan, round.signal);
      const byId = new Map(results.map((result) => [result.id, result]));
      batch(() => group.forEach((one) => settle(model, one, now, byId)));
    } catch (error) {
      if (error instanceof ApiError && error.kind === 'aborted') return;
      const message = error instanceof Error ? error.message : String(error);
      // Forgetting what was asked makes the next beat ask again, even of a range that stands still.
      batch(() => group.forEach(({ panel, asked }) => {
        const data = model.data(panel.id);
        if (data.peek().asked === asked) data.value = { ...data.peek(), asking: false, asked: '', error: message };
      }));
    }
  });
  Promise.allSettled(requests).then(() => rounds.delete(round));
}

/** Panels whose plans have the same range. @param {Wanted[]} wanted */
function sameRange(wanted) {
  /** @type {Map<string, Wanted[]>} */
  const groups = new Map();
  for (const one of wanted) {
    const key = `${one.plan.from} ${one.plan.to}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

/**
 * @param {Model} model
 * @param {Wanted} one
 * @param {Range} now
 * @param {Map<string, import('../../lib/types.d.ts').TargetResult>} byId
 */
function settle(model, { panel, plan, asked }, now, byId) {
  const data = model.data(panel.id);
  const old = data.peek();
  // Something newer is under way, or there already: two widths asked for at once answer in any order.
  if (old.asked !== asked) return;
  const results = plan.targets.flatMap((target) => byId.get(target.id) ?? []);
  const failed = results.filter((result) => result.error);
  const error = failed.length > 0 ? failed[0].error?.message ?? 'the query failed' : null;
  const frames = toFrames(panel, results, { variables: variablesOf(model, panel), ...now });
  data.value = { ...old, frames, results, range: now, asking: false, error };
}
