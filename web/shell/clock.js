// What time the page shows: the range of the address, the refresh beat, the reader's clock, UTC or local.
import { batch, computed, effect, signal } from '../vendor/signals/signals.js';
import { resolveRange } from '../lib/time.js';
import { DEFAULT_RANGE, refreshMs } from '../lib/ranges.js';
import { params, setParams } from './address.js';
import { recall, remember } from './store.js';

/** @typedef {import('../lib/types.d.ts').RangeText} RangeText */

/** How many ranges the picker remembers. */
const RECENT_MAX = 5;

/** What the page uses where the address says nothing; a dashboard brings its own. */
export const pageDefaults = signal({ range: DEFAULT_RANGE, refresh: 'off' });

/** Whether times are shown and typed in UTC. */
export const utc = signal(recall('utc') === '1');

/** Counts refreshes: whoever reads it asks again when it changes. */
export const beat = signal(0);

/** True while somebody else gives the beat: a stream of rounds does, and the timer keeps quiet. */
export const paced = signal(false);

/** Counts what cannot wait: the reader's own refresh, and the monitor found again. Ends any back-off. */
export const urge = signal(0);

/** Seconds tick here, for ages; stands still while the page is hidden. */
export const clock = signal(Date.now());

/** The range as typed. @type {import('../vendor/signals/signals.js').ReadonlySignal<RangeText>} */
export const rangeText = computed(() => ({
  from: params.value.get('from') ?? pageDefaults.value.range.from,
  to: params.value.get('to') ?? pageDefaults.value.range.to,
}));

/** False when the address holds a range nobody can read; the page's own is shown instead. */
export const rangeReadable = computed(() => resolveRange(rangeText.value, Date.now(), utc.value) !== null);

/** The moment that a beat is about, while what follows from it is worked out; at other times the range ends when it is asked for. */
let beatMoment = 0;

/** The range in ms, taken anew at each beat. */
export const range = computed(() => {
  beat.value;
  const now = beatMoment || Date.now();
  const fallback = pageDefaults.value.range;
  return resolveRange(rangeText.value, now, utc.value) ?? resolveRange(fallback, now, utc.value) ?? { from: now - 3_600_000, to: now };
});

/** The refresh interval as written: `10s` or `off`. */
export const refreshText = computed(() => params.value.get('refresh') || pageDefaults.value.refresh || 'off');

/** Ranges chosen before, newest first. @type {import('../vendor/signals/signals.js').Signal<RangeText[]>} */
export const recentRanges = signal(readRecent());

/** @returns {RangeText[]} */
function readRecent() {
  try {
    const list = JSON.parse(recall('recent-ranges') ?? '[]');
    return Array.isArray(list) ? list.filter((r) => typeof r?.from === 'string' && typeof r?.to === 'string').slice(0, RECENT_MAX) : [];
  } catch {
    return [];
  }
}

/** Shows another range. @param {RangeText} next */
export function setRange(next) {
  const rest = recentRanges.value.filter((r) => r.from !== next.from || r.to !== next.to);
  recentRanges.value = [next, ...rest].slice(0, RECENT_MAX);
  remember('recent-ranges', JSON.stringify(recentRanges.value));
  setParams({ from: next.from, to: next.to });
}

/** @param {string} interval */
export function setRefresh(interval) {
  setParams({ refresh: interval }, { replace: true });
}

/** @param {boolean} on */
export function setUtc(on) {
  utc.value = on;
  remember('utc', on ? '1' : null);
}

/** Asks for everything on the page again, at once. */
export function refreshNow() {
  batch(() => {
    urge.value += 1;
    nextBeat();
  });
}

/** When the last beat was, ms. */
let lastBeat = Date.now();

/** How long the page shows what it shows. */
export const sinceBeat = () => Date.now() - lastBeat;

/** The same as when the refresh interval is over. @param {number} [moment] ms that the page then shows */
export function nextBeat(moment = Date.now()) {
  batch(() => {
    clock.value = Date.now();
    beat.value += 1;
    [lastBeat, beatMoment] = [moment, moment];
    range.peek();
    beatMoment = 0;
  });
}

/**
 * Starts the refresh beat and the clock.
 * @param {() => boolean} isLost no beats while the monitor is gone: there is one who knocks
 */
export function startClock(isLost) {
  setInterval(() => {
    if (!document.hidden) clock.value = Date.now();
  }, 1000);
  effect(() => {
    const ms = refreshMs(refreshText.value);
    if (ms === 0) return;
    const timer = setInterval(() => {
      if (!document.hidden && !isLost() && !paced.peek()) nextBeat();
    }, ms);
    return () => clearInterval(timer);
  });
  let hiddenAt = 0;
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) hiddenAt = Date.now();
    else if (refreshMs(refreshText.value) > 0 && Date.now() - hiddenAt > refreshMs(refreshText.value)) refreshNow();
  });
}
