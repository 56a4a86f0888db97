// Asks the store why queries for lines found none.
import { fetchLoki, fetchLokiBare } from '../../lib/loki.js';
import { refIdOf, LINES } from '../../lib/explore.js';
import { whyNoLines } from '../../lib/logwhy.js';

/** @typedef {import('../../lib/types.d.ts').TargetResult} TargetResult */

/** Whoever looks at an empty page waits no longer for the reason. */
const WHY_MS_MAX = 2000;

/**
 * The answers, with the reason in those that have no line.
 * @param {TargetResult[]} results
 * @param {string[]} asked
 * @param {import('../../lib/types.d.ts').Range} range
 * @returns {Promise<TargetResult[]>}
 */
export function withReasons(results, asked, { from, to }) {
  const span = { start: String(BigInt(Math.floor(from)) * 1_000_000n), end: String(BigInt(Math.ceil(to)) * 1_000_000n) };
  const limit = { timeoutMs: WHY_MS_MAX };
  const ask = {
    stats: (/** @type {string} */ query) => fetchLokiBare('/index/stats', { params: { ...span, query }, ...limit }),
    names: () => fetchLoki('/labels', { params: span, ...limit }),
    values: (/** @type {string} */ name) => fetchLoki(`/label/${encodeURIComponent(name)}/values`, { params: span, ...limit }),
  };
  return Promise.all(results.map(async (result) => {
    if (result.kind !== 'logs' || (result.lines?.length ?? 0) > 0) return result;
    const query = asked.find((_, at) => result.id === `${LINES}:${refIdOf(at)}`) ?? '';
    const why = await whyNoLines(query, ask).catch(() => null);
    return why ? { ...result, why } : result;
  }));
}
