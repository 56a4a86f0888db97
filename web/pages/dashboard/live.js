// The rounds of an open dashboard, sent by the monitor: while its panels are looked at and refresh by themselves, one stream brings
// what would be a request a round, and gives the page its beat.
//
// What a page shows first, and anything new on it, is asked for as ever (queries.js). Once that is there and nothing is under way,
// the stream is opened for what is on the screen; another question, other panels, a hidden page close it. Each round says how long
// after the request it began: the range of that moment is worked out here as well, and panels for which the monitor asked
// something else than the page would (a query that names its range) are left to the page. When there is no stream the timer of
// the clock beats, and the page asks.
import { batch, effect, signal, untracked } from '../../vendor/signals/signals.js';
import { retryPause } from '../../lib/backoff.js';
import { TARGETS_PER_BATCH_MAX } from '../../lib/client.js';
import { isAsked, liveRequest, movedTargets, movesOf } from '../../lib/live.js';
import { refreshMs } from '../../lib/ranges.js';
import { followRounds } from '../../lib/rounds.js';
import { resolveRange } from '../../lib/time.js';
import { nextBeat, paced, range, rangeText, refreshText, sinceBeat, utc } from '../../shell/clock.js';
import { lostSince } from '../../shell/reach.js';
import { panelsOnScreen, questionAt, questionOf, wantedOf, ownRange } from './plans.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./plans.js').Wanted} Wanted */
/** @typedef {import('../../lib/types.d.ts').Range} Range */
/** @typedef {import('../../lib/types.d.ts').TargetResult} TargetResult */
/** @typedef {Wanted & {width: number, later: Range}} Followed `later`: the panel's range a round later */

/**
 * @typedef {object} Page
 * @property {() => boolean} isQuiet nothing is asked for or waited for
 * @property {(wanted: Wanted, results: Map<string, TargetResult>) => void} deliver
 *
 * @typedef {object} Stream
 * @property {string} key what it brings
 * @property {string} question
 * @property {number} asked when, ms
 * @property {number} skew of the clock against the time that passes, ms
 * @property {number} everyMs
 * @property {Followed[]} panels
 * @property {AbortController} stop
 *
 * @typedef {object} Live
 * @property {Model} model
 * @property {Page} page
 * @property {Stream | null} open
 * @property {Set<string>} odd panels that ask for something else than a stream did, with what was asked
 * @property {number} failures in a row
 * @property {number} waitsUntil ms
 * @property {number} timer
 */

/** A page that scrolls or loads goes through many states; the one it comes to rest in counts. */
const REST_MS = 250;

/** A browser keeps six connections to a host, and shares them between its windows: half of them are left for everything else. */
const STREAMS_PER_BROWSER_MAX = 3;

/** When there is no room for another stream, here or there, it is looked for again after this. */
const FULL_MS = 60_000;

/** Where the clock has moved by more than this against the time that has passed, it was set, or the computer slept. */
const CLOCK_MS_MAX = 5_000;

/** @param {Model} model @param {Page} page @returns {() => void} ends it */
export function runLive(model, page) {
  /** @type {Live} */
  const live = { model, page, open: null, odd: new Set(), failures: 0, waitsUntil: 0, timer: 0 };
  const hidden = signal(document.hidden);
  const look = () => {
    hidden.value = document.hidden;
  };
  document.addEventListener('visibilitychange', look);
  const stop = effect(() => {
    // Whatever of these changes: what is on the screen, what it asks, whether its answers have come, and each beat.
    questionOf(model);
    void [range.value, refreshText.value];
    for (const id of model.shown.value.keys()) void model.data(id).value;
    if (hidden.value || lostSince.value !== null) close(live);
    untracked(() => later(live, REST_MS));
  });
  return () => {
    stop();
    clearTimeout(live.timer);
    document.removeEventListener('visibilitychange', look);
    close(live);
  };
}

/** @param {Live} live @param {number} ms */
function later(live, ms) {
  clearTimeout(live.timer);
  live.timer = setTimeout(() => consider(live), ms);
}

/** @param {Live} live */
function close(live) {
  if (live.open === null) return;
  live.open.stop.abort();
  live.open = null;
  paced.value = false;
}

/** Opens the stream that the page needs by now, closes one that it does not. @param {Live} live */
function consider(live) {
  const { model, page } = live;
  const everyMs = refreshMs(refreshText.peek());
  if (everyMs === 0 || document.hidden || lostSince.peek() !== null || !model.values.peek()) return close(live);
  if (!page.isQuiet()) return undefined;
  const [question, asked] = [questionOf(model), Date.now()];
  const panels = followed(model, question, asked, everyMs).filter((one) => !live.odd.has(oddKey(question, one)));
  const key = JSON.stringify([question, everyMs, panels.map(({ plan, width }) => [questionAt('', width), plan.targets.map(({ from, to, ...rest }) => rest)])]);
  if (live.open?.key === key) return undefined;
  close(live);
  if (asked < live.waitsUntil) return later(live, live.waitsUntil - asked);
  const targets = panels.reduce((sum, { plan }) => sum + plan.targets.length, 0);
  if (targets === 0 || targets > TARGETS_PER_BATCH_MAX) return undefined;
  return open(live, { key, question, asked, skew: clockSkew(), everyMs, panels, stop: new AbortController() });
}

const clockSkew = () => Date.now() - performance.now();

/** @param {Live} live @param {Stream} stream */
function open(live, stream) {
  live.open = stream;
  const onOpen = () => {
    if (live.open === stream) paced.value = true;
  };
  const onRound = (/** @type {number} */ elapsedMs, /** @type {TargetResult[]} */ results) => {
    if (live.open === stream) take(live, stream, elapsedMs, new Map(results.map((result) => [result.id, result])));
  };
  const firstMs = Math.max(0, Math.min(stream.everyMs, stream.everyMs - sinceBeat()));
  const request = liveRequest(stream.panels, stream.everyMs, firstMs);
  withPlace(() => followRounds(request, onRound, onOpen, stream.stop.signal)).then(
    (hadPlace) => ended(live, stream, hadPlace ? null : FULL_MS),
    // What the monitor refused it refuses again; what broke off may go on.
    (error) => ended(live, stream, error.status > 0 ? FULL_MS : null),
  );
}

/** The timer beats again until another stream is there. @param {Live} live @param {Stream} stream @param {number | null} pauseMs null: longer with each failure */
function ended(live, stream, pauseMs) {
  if (live.open !== stream) return;
  close(live);
  live.failures += 1;
  const ms = pauseMs ?? retryPause(live.failures);
  live.waitsUntil = Date.now() + ms;
  later(live, ms);
}

/** @param {Live} live @param {Stream} stream @param {number} elapsedMs @param {Map<string, TargetResult>} results */
function take(live, stream, elapsedMs, results) {
  live.failures = 0;
  const moment = stream.asked + elapsedMs;
  if (Math.abs(clockSkew() - stream.skew) > CLOCK_MS_MAX) return ended(live, stream, 0);
  return batch(() => {
    nextBeat(moment);
    const now = range.peek();
    for (const one of stream.panels) {
      const next = wantedOf(live.model, one.panel, one.width, now, stream.question);
      if (isAsked(movedTargets(one.plan, movesOf(one, stream.everyMs), elapsedMs), next.plan)) live.page.deliver(next, results);
      else live.odd.add(oddKey(stream.question, one));
    }
  });
}

/** @param {string} question @param {Followed} one */
const oddKey = (question, { panel, width }) => `${panel.id} ${questionAt(question, width)}`;

/**
 * What is on the screen and asks for something that moves with the time.
 * @param {Model} model
 * @param {string} question
 * @param {number} now ms
 * @param {number} everyMs
 * @returns {Followed[]}
 */
function followed(model, question, now, everyMs) {
  const [span, next] = [now, now + everyMs].map((moment) => resolveRange(rangeText.peek(), moment, utc.peek()));
  if (!span || !next || (span.from === next.from && span.to === next.to)) return [];
  return panelsOnScreen(model, model.shown.peek())
    .map(([panel, width]) => ({ ...wantedOf(model, panel, width, span, question), width, later: ownRange(model, panel, next) }))
    .filter(({ plan }) => plan.targets.length > 0);
}

/** Runs while no more streams of this browser are open than may be. @param {() => Promise<void>} run @returns {Promise<boolean>} whether it ran */
async function withPlace(run) {
  // Pages that came without encryption from another machine have no locks: they cannot know of each other, and ask by themselves.
  if (!navigator.locks) return false;
  for (let place = 0; place < STREAMS_PER_BROWSER_MAX; place += 1) {
    const ran = await navigator.locks.request(`watchfire-rounds-${place}`, { ifAvailable: true }, (lock) => (lock ? run().then(() => true) : false));
    if (ran) return true;
  }
  return false;
}
