// Asks for the data of the panels on the screen: all of them in one request a refresh, the old picture kept until the
// new one is there.
//
// A panel is asked for when what it shows is not what it should show: another range, other variables, another width.
// While an answer is under way, a beat of the refresh does not ask again, or a slow answer would never be seen; a new
// question (range, variables) gives up the old answers. When a request fails, the retry is the only one who asks until
// it works, the reader presses refresh, or the question changes. Where there is nothing yet, as in a lab that has just
// begun, the first answers are looked for at the pace of the scrapes.
import { batch, effect, signal, untracked } from '../../vendor/signals/signals.js';
import { retryPause } from '../../lib/backoff.js';
import { ApiError, queryBatch } from '../../lib/client.js';
import { joinPlans, toFrames } from '../../lib/frames.js';
import { refreshMs } from '../../lib/ranges.js';
import { nextBeat, paced, range, refreshText } from '../../shell/clock.js';
import { lostSince } from '../../shell/reach.js';
import { runLive } from './live.js';
import { isDrawn, panelsOnScreen, questionAt, questionOf, wantedOf } from './plans.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./plans.js').Wanted} Wanted */
/** @typedef {import('../../lib/types.d.ts').Range} Range */

/** So often a page with empty panels is asked for ahead of its refresh; after that they are empty for another reason. */
const EARLY_LOOKS_MAX = 6;

/**
 * Keeps the data of `model` fresh until the returned function is called.
 * @param {Model} model
 */
export function runQueries(model) {
  /** @type {Set<AbortController>} */
  let rounds = new Set();
  let question = '';
  const trouble = createTrouble();
  const early = createEarly(model.scrapeIntervalMs);
  const stop = effect(() => {
    const now = range.value;
    const shown = model.shown.value;
    const next = questionOf(model);
    trouble.retry.value;
    if (!model.values.value) return;
    untracked(() => {
      if (next !== question) {
        for (const round of rounds) round.abort();
        rounds = new Set();
        question = next;
        trouble.forget();
      }
      if (trouble.waits()) return sayWhy(model, shown, trouble.message());
      const wanted = pickPanels(model, shown, now, question);
      if (wanted.length > 0) ask(model, wanted, rounds, trouble).then(() => early.look(wanted.some(({ panel }) => isDrawn(panel) && model.data(panel.id).peek().frames?.state.kind === 'empty')));
    });
  });
  const stopLive = runLive(model, { isQuiet: () => rounds.size === 0 && !trouble.waits(), deliver: (wanted, results) => deliver(model, wanted, results) });
  return () => {
    stop();
    stopLive();
    trouble.forget();
    early.stop();
    for (const round of rounds) round.abort();
  };
}

/** @typedef {ReturnType<typeof createTrouble>} Trouble */

/** What is known of failures in a row; `retry` counts the times they have been waited for. */
function createTrouble() {
  const retry = signal(0);
  let failures = 0;
  let message = '';
  let timer = 0;
  const knock = () => {
    timer = 0;
    // While the monitor is gone, whoever finds it again refreshes everything; a hidden page is in no hurry.
    if (lostSince.peek() === null && !document.hidden) retry.value += 1;
    else timer = setTimeout(knock, retryPause(failures));
  };
  return {
    retry,
    waits: () => timer !== 0,
    message: () => message,
    /** @param {string} why */
    failed: (why) => {
      failures += 1;
      message = why;
      clearTimeout(timer);
      timer = setTimeout(knock, retryPause(failures));
    },
    forget: () => {
      failures = 0;
      clearTimeout(timer);
      timer = 0;
    },
  };
}

/** Looks again a scrape later while panels are empty, a few times. @param {number} scrapeMs */
function createEarly(scrapeMs) {
  let left = EARLY_LOOKS_MAX;
  let timer = 0;
  return {
    /** @param {boolean} isEmpty */
    look: (isEmpty) => {
      clearTimeout(timer);
      if (!isEmpty || left === 0 || refreshMs(refreshText.peek()) <= scrapeMs) return;
      left -= 1;
      timer = setTimeout(() => {
        // Who is sent rounds by then need not ask.
        if (!paced.peek()) nextBeat();
      }, scrapeMs);
    },
    stop: () => {
      left = 0;
      clearTimeout(timer);
    },
  };
}

/** Panels that came into sight while nobody asks must not wait without a word. @param {Model} model @param {Map<number, number>} shown @param {string} error */
function sayWhy(model, shown, error) {
  for (const id of shown.keys()) {
    const data = model.data(id);
    const old = data.peek();
    if (!old.frames && !old.error && !old.asking) data.value = { ...old, error };
  }
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
  for (const [panel, width] of panelsOnScreen(model, shown)) {
    const data = model.data(panel.id);
    const old = data.peek();
    const one = wantedOf(model, panel, width, now, question);
    if (old.asked === one.asked || (old.asking && old.asked.startsWith(questionAt(question, width)))) continue;
    const { plan, asked, own } = one;
    data.value = { ...old, asked, targets: plan.targets, asking: plan.targets.length > 0 };
    if (plan.targets.length > 0) wanted.push(one);
    else data.value = { ...data.peek(), frames: toFrames(panel, [], { variables: model.scope(panel), ...own }), range: own };
  }
  return wanted;
}

/**
 * @param {Model} model
 * @param {Wanted[]} wanted
 * @param {Set<AbortController>} rounds
 * @param {Trouble} trouble
 */
async function ask(model, wanted, rounds, trouble) {
  const round = new AbortController();
  rounds.add(round);
  try {
    const results = await queryBatch(joinPlans(wanted.map((one) => one.plan)), round.signal);
    const byId = new Map(results.map((result) => [result.id, result]));
    trouble.forget();
    batch(() => wanted.forEach((one) => settle(model, one, byId)));
  } catch (error) {
    if (error instanceof ApiError && error.kind === 'aborted') return;
    const message = error instanceof Error ? error.message : String(error);
    trouble.failed(message);
    // Forgetting what was asked makes the retry ask again, even of a range that stands still.
    batch(() => wanted.forEach(({ panel, asked }) => {
      const data = model.data(panel.id);
      if (data.peek().asked === asked) data.value = { ...data.peek(), asking: false, asked: '', error: message };
    }));
  } finally {
    rounds.delete(round);
  }
}

/**
 * @param {Model} model
 * @param {Wanted} one
 * @param {Map<string, import('../../lib/types.d.ts').TargetResult>} byId
 */
function settle(model, one, byId) {
  // Something newer is under way, or there already: two widths asked for at once answer in any order.
  if (model.data(one.panel.id).peek().asked === one.asked) show(model, one, byId);
}

/** What came by itself: as if it had been asked for. @param {Model} model @param {Wanted} one @param {Map<string, import('../../lib/types.d.ts').TargetResult>} byId */
function deliver(model, one, byId) {
  const data = model.data(one.panel.id);
  if (data.peek().asking) return;
  data.value = { ...data.peek(), asked: one.asked, targets: one.plan.targets };
  show(model, one, byId);
}

/** @param {Model} model @param {Wanted} one @param {Map<string, import('../../lib/types.d.ts').TargetResult>} byId */
function show(model, { panel, plan, own }, byId) {
  const data = model.data(panel.id);
  const results = plan.targets.flatMap((target) => byId.get(target.id) ?? []);
  const failed = results.filter((result) => result.error);
  const error = failed.length > 0 ? failed[0].error?.message ?? 'the query failed' : null;
  const frames = toFrames(panel, results, { variables: model.scope(panel), ...own });
  data.value = { ...data.peek(), frames, results, range: own, asking: false, error };
}
