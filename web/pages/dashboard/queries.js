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
import { ANNOTATIONS_ID } from '../../lib/annotations.js';
import { joinPlans, panelRange, planTargets, toFrames } from '../../lib/frames.js';
import { findPanel } from '../../lib/layout.js';
import { refreshMs } from '../../lib/ranges.js';
import { nextBeat, range, rangeText, refreshText, urge, utc } from '../../shell/clock.js';
import { lostSince } from '../../shell/reach.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('../../lib/types.d.ts').PanelJson} PanelJson */
/** @typedef {import('../../lib/types.d.ts').Plan} Plan */
/** @typedef {import('../../lib/types.d.ts').Range} Range */
/** @typedef {{panel: PanelJson, plan: Plan, asked: string, own: Range}} Wanted `own`: the range of this panel */

/** Widths within this many px ask for the same points, so that a scroll bar does not cause a query. */
const WIDTH_GRAIN_PX = 32;

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
    const values = model.values.value;
    const shown = model.shown.value;
    const next = JSON.stringify([rangeText.value, utc.value, values, urge.value, [...model.flipped.value]]);
    trouble.retry.value;
    if (!values) return;
    untracked(() => {
      if (next !== question) {
        for (const round of rounds) round.abort();
        rounds = new Set();
        question = next;
        trouble.forget();
      }
      if (trouble.waits()) return sayWhy(model, shown, trouble.message());
      const wanted = pickPanels(model, shown, now, question);
      if (wanted.length > 0) ask(model, wanted, now, rounds, trouble).then(() => early.look(wanted.some(({ panel }) => panel.id !== ANNOTATIONS_ID && model.data(panel.id).peek().frames?.state.kind === 'empty')));
    });
  });
  return () => {
    stop();
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
      timer = setTimeout(nextBeat, scrapeMs);
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
  const markers = model.annotations.length > 0 && shown.size > 0 ? [/** @type {[number, number]} */ ([ANNOTATIONS_ID, 0])] : [];
  for (const [id, width] of [...shown, ...markers]) {
    const panel = id === ANNOTATIONS_ID ? model.marker.peek() : findPanel(model.panels.peek(), id);
    const data = model.data(id);
    const grain = Math.round(width / WIDTH_GRAIN_PX);
    const asked = `${question} ${grain} ${now.from} ${now.to}`;
    const old = data.peek();
    const isSameQuestion = old.asked.startsWith(`${question} ${grain} `);
    if (!panel || old.asked === asked || (old.asking && isSameQuestion)) continue;
    const variables = variablesOf(model, panel);
    const { from, to } = panelRange(panel, now, variables);
    const own = { from, to };
    const plan = planTargets(panel, { ...own, widthPx: width, variables, scrapeIntervalMs: model.scrapeIntervalMs, ...(utc.peek() ? { utcOffsetMs: 0 } : {}) });
    data.value = { ...old, asked, targets: plan.targets, asking: plan.targets.length > 0 };
    if (plan.targets.length > 0) wanted.push({ panel, plan, asked, own });
    else data.value = { ...data.peek(), frames: toFrames(panel, [], { variables, ...own }), range: own };
  }
  return wanted;
}

/** @param {Model} model @param {PanelJson} panel */
const variablesOf = (model, panel) => model.scope(panel);

/**
 * @param {Model} model
 * @param {Wanted[]} wanted
 * @param {Range} now
 * @param {Set<AbortController>} rounds
 * @param {Trouble} trouble
 */
async function ask(model, wanted, now, rounds, trouble) {
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
function settle(model, { panel, plan, asked, own }, byId) {
  const data = model.data(panel.id);
  const old = data.peek();
  // Something newer is under way, or there already: two widths asked for at once answer in any order.
  if (old.asked !== asked) return;
  const results = plan.targets.flatMap((target) => byId.get(target.id) ?? []);
  const failed = results.filter((result) => result.error);
  const error = failed.length > 0 ? failed[0].error?.message ?? 'the query failed' : null;
  const frames = toFrames(panel, results, { variables: variablesOf(model, panel), ...own });
  data.value = { ...old, frames, results, range: own, asking: false, error };
}
