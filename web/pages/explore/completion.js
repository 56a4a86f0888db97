// What the editor's completion asks for: names and values out of the live store, kept for a moment.
import { fetchProm } from '../../lib/client.js';
import { range } from '../../shell/clock.js';

/** Answers are asked for again after this: long enough for a sentence to be typed. */
const KEEP_MS = 60_000;

/** Names in one list; typing narrows what is cut. */
const LIST_MAX = 20_000;

/** @typedef {{type: number, name: string, value: string}} Matcher */

/** @type {Map<string, {at: number, answer: Promise<any>}>} */
const kept = new Map();

/**
 * @template T
 * @param {string} path
 * @param {Record<string, string | undefined>} params
 * @param {T} nothing in the place of a failure: a list that cannot be had is no reason to stop typing
 * @returns {Promise<T>}
 */
function ask(path, params, nothing) {
  const key = JSON.stringify([path, params]);
  const now = Date.now();
  const old = kept.get(key);
  if (old && now - old.at < KEEP_MS) return old.answer;
  const answer = fetchProm(path, { params }).catch(() => {
    kept.delete(key);
    return nothing;
  });
  for (const [name, one] of kept) if (now - one.at >= KEEP_MS) kept.delete(name);
  kept.set(key, { at: now, answer });
  return answer;
}

/** Lists of the range on the screen, to the minute so that they can be kept. */
function span() {
  const { from, to } = range.peek();
  const minute = (/** @type {number} */ ms) => Math.floor(ms / 60_000) * 60;
  return { start: String(minute(from)), end: String(minute(to) + 60), limit: String(LIST_MAX) };
}

/** The client that codemirror-promql speaks to. @param {any} cm the editor's module, which has the numbers of the operators */
export function completionClient(cm) {
  const operators = new Map([[cm.EqlSingle, '='], [cm.Neq, '!='], [cm.EqlRegex, '=~'], [cm.NeqRegex, '!~']]);
  /** @param {string} [metric] @param {Matcher[]} [matchers] @param {string} [without] the label that is being typed */
  const selector = (metric, matchers = [], without = '') => {
    const parts = matchers
      .filter(({ name, value }) => name !== without && value !== '')
      .map(({ type, name, value }) => `${JSON.stringify(name)}${operators.get(type) ?? '='}"${value}"`);
    if (metric) parts.unshift(`__name__=${JSON.stringify(metric)}`);
    return parts.length === 0 ? undefined : `{${parts.join(',')}}`;
  };
  return {
    /** @param {string} [metric] */
    labelNames: (metric) => ask('/labels', { ...span(), 'match[]': selector(metric) }, []),
    /** @param {string} label @param {string} [metric] @param {Matcher[]} [matchers] */
    labelValues: (label, metric, matchers) => ask(`/label/${encodeURIComponent(label)}/values`, { ...span(), 'match[]': selector(metric, matchers, label) }, []),
    metricMetadata: () => ask('/metadata', {}, {}),
    /** @param {string} metric @param {Matcher[]} [matchers] @param {string} [label] */
    series: (metric, matchers, label) => ask('/series', { ...span(), 'match[]': selector(metric, matchers, label) }, []),
    metricNames: () => ask('/label/__name__/values', span(), []),
    flags: async () => ({}),
  };
}
