// The answers to the queries of the address: asked at each beat of the refresh, the old kept until the new are there.
import { useMemo } from '../../vendor/preact/hooks.js';
import { fetchStatus, parseQuery, queryBatch } from '../../lib/client.js';
import { joinPlans, planTargets } from '../../lib/frames.js';
import { panelsOf } from '../../lib/explore.js';
import { SCRAPE_INTERVAL_DEFAULT_MS } from '../../lib/step.js';
import { params } from '../../shell/address.js';
import { range, rangeText, utc } from '../../shell/clock.js';
import { useResource } from '../../shell/resource.js';

/** @typedef {import('../../lib/types.d.ts').TargetResult} TargetResult */
/** @typedef {import('../../lib/types.d.ts').Range} Range */

/**
 * @typedef {object} Answers
 * @property {string[]} asked the queries that the results are of, trimmed
 * @property {{graph: any, table: any}} panels
 * @property {TargetResult[]} results
 * @property {Range | null} range
 * @property {number} tookMs until the whole answer was here
 * @property {boolean} loading
 * @property {import('../../lib/client.js').ApiError | null} error
 */

/** Points of a graph as wide as half a large screen; more would lie on the same pixel. */
const WIDTH_PX = 900;

/** Asked once: it does not change while the monitor runs. @type {Promise<number> | null} */
let scrapeInterval = null;

function scrapeIntervalMs() {
  scrapeInterval ??= fetchStatus().then(
    (status) => Number(status?.scrape_interval_ms) || SCRAPE_INTERVAL_DEFAULT_MS,
    () => {
      scrapeInterval = null;
      return SCRAPE_INTERVAL_DEFAULT_MS;
    },
  );
  return scrapeInterval;
}

/** What queries evaluate to never changes, so that a refresh asks for nothing but values. @type {Map<string, string>} */
const known = new Map();

/** Queries whose kind is remembered. */
const KNOWN_MAX = 100;

/** What the parser says of a query: one without a curve is not asked for one; of one that is wrong the answer tells more. @param {string} expr @param {AbortSignal} signal */
async function kindOf(expr, signal) {
  if (expr === '') return null;
  const old = known.get(expr);
  if (old) return old;
  const { kind } = await parseQuery(expr, signal);
  if (known.size >= KNOWN_MAX) known.clear();
  if (kind) known.set(expr, kind);
  return kind ?? null;
}

/** @param {string[]} exprs @returns {Answers} */
export function useAnswers(exprs) {
  const asked = useMemo(() => exprs.map((expr) => expr.trim()), [JSON.stringify(exprs)]);
  const key = JSON.stringify([asked, rangeText.value, utc.value]);
  const { data, error, first } = useResource(async (signal) => {
    const now = range.peek();
    if (asked.every((expr) => expr === '')) return { panels: panelsOf([], { style: '', kinds: [] }), results: [], range: now, tookMs: 0 };
    const [kinds, scrapeMs] = await Promise.all([Promise.all(asked.map((expr) => kindOf(expr, signal))), scrapeIntervalMs()]);
    const panels = panelsOf(asked, { style: '', kinds });
    const input = { ...now, widthPx: WIDTH_PX, scrapeIntervalMs: scrapeMs, ...(utc.peek() ? { utcOffsetMs: 0 } : {}) };
    const started = performance.now();
    const results = await queryBatch(joinPlans([planTargets(panels.graph, input), planTargets(panels.table, input)]), signal);
    return { panels, results, range: now, tookMs: performance.now() - started };
  }, key);
  const style = params.value.get('style') ?? '';
  const panels = useMemo(() => {
    const kinds = asked.map((_, at) => (data?.panels.graph.targets.some((/** @type {any} */ target) => target.refId === String.fromCharCode(65 + at)) ? 'vector' : 'matrix'));
    return panelsOf(asked, { style, kinds });
  }, [asked, style, data]);
  return { asked, panels, results: data?.results ?? [], range: data?.range ?? null, tookMs: data?.tookMs ?? 0, loading: first, error };
}
