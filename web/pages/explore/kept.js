// Lists that completion asks for, kept for a moment so that not every letter asks.
import { range } from '../../shell/clock.js';

/** Answers are asked for again after this: long enough for a sentence to be typed. */
const KEEP_MS = 60_000;

/** @type {Map<string, {at: number, answer: Promise<any>}>} */
const kept = new Map();

/**
 * @template T
 * @param {unknown} what names the answer
 * @param {() => Promise<T>} ask
 * @param {T} nothing in the place of a failure: a list that cannot be had is no reason to stop typing
 * @returns {Promise<T>}
 */
export function keep(what, ask, nothing) {
  const key = JSON.stringify(what);
  const now = Date.now();
  const old = kept.get(key);
  if (old && now - old.at < KEEP_MS) return old.answer;
  const answer = ask().catch(() => {
    kept.delete(key);
    return nothing;
  });
  for (const [name, one] of kept) if (now - one.at >= KEEP_MS) kept.delete(name);
  kept.set(key, { at: now, answer });
  return answer;
}

/** The range on the screen in seconds, to the minute so that lists of it can be kept. */
export function span() {
  const { from, to } = range.peek();
  const minute = (/** @type {number} */ ms) => Math.floor(ms / 60_000) * 60;
  return { start: String(minute(from)), end: String(minute(to) + 60) };
}
