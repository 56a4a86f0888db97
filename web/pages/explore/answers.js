// The answers to the queries of the address: asked at each beat of the refresh, the old kept until the new are there.
import { useMemo } from '../../vendor/preact/hooks.js';
import { fetchStatus, parseQuery, queryBatch } from '../../lib/client.js';
import { joinPlans, planTargets } from '../../lib/frames.js';
import { panelsOf } from '../../lib/explore.js';
import { volumeTargets } from '../../lib/logvolume.js';
import { SCRAPE_INTERVAL_DEFAULT_MS } from '../../lib/step.js';
import { params } from '../../shell/address.js';
import { range, rangeText, utc } from '../../shell/clock.js';
import { useResource } from '../../shell/resource.js';
import { withReasons } from './logwhy.js';

/** @typedef {import('../../lib/types.d.ts').TargetResult} TargetResult */
/** @typedef {import('../../lib/types.d.ts').Range} Range */
/** @typedef {import('../../lib/explore.js').Language} Language */

/**
 * @typedef {object} Answers
 * @property {string[]} asked the queries that the results are of, trimmed
 * @property {Language} language
 * @property {{graph: any, table: any, lines: any}} panels
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

/** What the parser says of a query: one without a curve is not asked for one; of one that is wrong the answer tells more. @param {string} expr @param {Language} language @param {AbortSignal} signal */
async function kindOf(expr, language, signal) {
  if (expr === '') return null;
  const name = `${language} ${expr}`;
  const old = known.get(name);
  if (old) return old;
  const { kind } = await parseQuery(expr, language, signal);
  if (known.size >= KNOWN_MAX) known.clear();
  if (kind) known.set(name, kind);
  return kind ?? null;
}

/** @typedef {{language: Language, oldest: boolean}} Asking oldest: the oldest lines first */

/** @param {string[]} exprs @param {Asking} asking @returns {Answers} */
export function useAnswers(exprs, { language, oldest }) {
  const asked = useMemo(() => exprs.map((expr) => expr.trim()), [JSON.stringify(exprs)]);
  const key = JSON.stringify([language, oldest, asked, rangeText.value, utc.value]);
  const { data, error, first } = useResource(async (signal) => {
    const now = range.peek();
    if (asked.every((expr) => expr === '')) return { kinds: [], results: [], range: now, tookMs: 0 };
    const [kinds, scrapeMs] = await Promise.all([Promise.all(asked.map((expr) => kindOf(expr, language, signal))), scrapeIntervalMs()]);
    const panels = panelsOf(asked, { style: '', kinds, language, oldest });
    const input = { ...now, widthPx: WIDTH_PX, scrapeIntervalMs: scrapeMs, ...(utc.peek() ? { utcOffsetMs: 0 } : {}) };
    const plan = joinPlans([panels.graph, panels.table, panels.lines].map((panel) => planTargets(panel, input)));
    const volume = volumeTargets(asked.map((expr, at) => (kinds[at] === 'logs' ? expr : '')), now);
    const started = performance.now();
    const results = await queryBatch({ ...plan, targets: [...plan.targets, ...volume] }, signal);
    const tookMs = performance.now() - started;
    return { kinds, results: await withReasons(results, asked, now), range: now, tookMs };
  }, key);
  const style = params.value.get('style') ?? '';
  const panels = useMemo(() => panelsOf(asked, { style, kinds: data?.kinds ?? [], language, oldest }), [asked, style, data, language, oldest]);
  return { asked, language, panels, results: data?.results ?? [], range: data?.range ?? null, tookMs: data?.tookMs ?? 0, loading: first, error };
}
