// When an alert was pending and when it fired, out of the series ALERTS that rules write. Pure.
import { wireNumber } from './format.js';

/** @typedef {import('./types.d.ts').TargetResult} TargetResult */
/** @typedef {{state: 'pending' | 'firing', from: number, to: number}} Span times in ms */

/** How far back the history of a rule goes. */
export const HISTORY_MS = 86_400_000;

/** As many points as a strip has room for. */
export const HISTORY_STEP_MS = 120_000;

/** @param {string} name @param {number} now @returns {import('./types.d.ts').Round} */
export function historyPlan(name, now) {
  // Up to now: what began a moment ago is what somebody looks for.
  const to = Math.floor(now / 1000) * 1000;
  // The most that any series had between two points: an alert that fired for a minute is seen too.
  const expr = (/** @type {string} */ state) => `max(max_over_time(ALERTS{alertname=${JSON.stringify(name)},alertstate="${state}"}[${HISTORY_STEP_MS / 1000}s]))`;
  const target = (/** @type {'pending' | 'firing'} */ state) => ({ id: state, expr: expr(state), step_ms: HISTORY_STEP_MS, instant: false });
  return { from: to - HISTORY_MS, to, targets: [target('pending'), target('firing')] };
}

/** Spans in order of time; where an alert of the rule fired, another that was pending does not count. @param {TargetResult[]} results @returns {Span[]} */
export function spansOf(results) {
  const [pending, firing] = ['pending', 'firing'].map((id) => results.find((result) => result.id === id));
  const given = firing?.count ? firing : pending;
  if (!given) return [];
  const { start = 0, step = 0, count = 0 } = given;
  const is = (/** @type {TargetResult | undefined} */ result, /** @type {number} */ at) => Number(wireNumber(result?.series?.[0]?.values[at]) ?? 0) > 0;
  /** @type {Span[]} */
  const spans = [];
  for (let at = 0; at < count; at += 1) {
    const state = is(firing, at) ? 'firing' : is(pending, at) ? 'pending' : null;
    if (!state) continue;
    const from = start + (at - 1) * step;
    const last = spans[spans.length - 1];
    if (last && last.state === state && last.to === from) last.to = from + step;
    else spans.push({ state, from, to: from + step });
  }
  return spans;
}

/** In words, for who cannot see the strip. @param {Span[]} spans */
export function spansText(spans) {
  const fired = spans.filter((span) => span.state === 'firing').length;
  const pending = spans.length - fired;
  if (spans.length === 0) return 'quiet for the last 24 hours';
  return `fired ${fired === 1 ? 'once' : `${fired} times`} in the last 24 hours${pending > 0 ? `, pending ${pending === 1 ? 'once' : `${pending} times`}` : ''}`;
}
