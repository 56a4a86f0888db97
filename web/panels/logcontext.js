// The lines before and after one in the same stream, whatever the query left out.
import { html } from '../lib/html.js';
import { useEffect, useState } from '../vendor/preact/hooks.js';
import { fetchLoki } from '../lib/loki.js';
import { formatDate } from '../lib/dates.js';
import { levelOf } from '../lib/loglines.js';
import { selectorOf } from '../lib/logql.js';
import * as css from './classes.js';
import { Marked } from './logline.js';

/** @typedef {import('../lib/loglines.js').LogLine} LogLine */
/** @typedef {{ns: bigint, line: string, labels: Record<string, string>}} Near */

/** Lines to each side at first, and each time more are wanted. */
const LINES_A_STEP = 10;
/** How far to each side they are looked for. */
const REACH_NS = 6n * 3_600_000_000_000n;

/** @param {LogLine} one @param {'before' | 'after'} side @param {number} count @param {AbortSignal} signal @returns {Promise<Near[]>} oldest first */
async function near(one, side, count, signal) {
  const names = Object.entries(one.labels).filter(([name]) => !one.parsed.includes(name));
  const query = selectorOf(Object.fromEntries(names));
  // The end of a span does not belong to it, its start does: lines of the same moment come behind.
  const span = side === 'before' ? { start: one.ns - REACH_NS, end: one.ns, direction: 'backward' } : { start: one.ns, end: one.ns + REACH_NS, direction: 'forward' };
  const params = { query, start: String(span.start), end: String(span.end), direction: span.direction, limit: String(side === 'before' ? count : count + 1) };
  const { result = [] } = await fetchLoki('/query_range', { params, signal });
  /** @type {Near[]} */
  const lines = result.flatMap((/** @type {any} */ { stream, values }) => values.map((/** @type {[string, string]} */ [ns, line]) => ({ ns: BigInt(ns), line, labels: stream })));
  lines.sort((a, b) => (a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0));
  if (side === 'before') return lines;
  const own = lines.findIndex(({ ns, line }) => ns === one.ns && line === one.line);
  return lines.filter((_, at) => at !== own);
}

/** @param {{one: LogLine, utc: boolean, sought: RegExp[]}} props */
export function Context({ one, utc, sought }) {
  return html`<div class=${css.LOG_CONTEXT} role="group" aria-label="Lines around it">
    <${Side} side="before" ...${{ one, utc, sought }} />
    <${Row} near=${one} utc=${utc} sought=${sought} isOwn />
    <${Side} side="after" ...${{ one, utc, sought }} /></div>`;
}

/** @param {{one: LogLine, side: 'before' | 'after', utc: boolean, sought: RegExp[]}} props */
function Side({ one, side, utc, sought }) {
  const [count, setCount] = useState(LINES_A_STEP);
  const [state, setState] = useState(/** @type {{lines: Near[] | null, error: string}} */ ({ lines: null, error: '' }));
  useEffect(() => {
    const stop = new AbortController();
    near(one, side, count, stop.signal).then(
      (lines) => setState({ lines, error: '' }),
      (error) => !stop.signal.aborted && setState((old) => ({ ...old, error: String(error.message ?? error) })),
    );
    return () => stop.abort();
  }, [one.key, side, count]);
  const { lines, error } = state;
  const word = side === 'before' ? 'earlier' : 'later';
  const isEnd = lines !== null && lines.length < count;
  const said = error || (lines === null ? 'Asking' : isEnd ? `No ${word} line of this stream within six hours.` : '');
  const tail = html`<p class=${css.LOG_MORE}>${said || html`<button type="button" onClick=${() => setCount(count + LINES_A_STEP)}>${LINES_A_STEP} ${word} lines</button>`}</p>`;
  return html`${side === 'before' && tail}
    ${(lines ?? []).map((near, at) => html`<${Row} key=${`${near.ns} ${at}`} ...${{ near, utc, sought }} />`)}
    ${side === 'after' && tail}`;
}

/** @param {{near: Near, utc: boolean, sought: RegExp[], isOwn?: boolean}} props */
function Row({ near: { ns, line, labels }, utc, sought, isOwn = false }) {
  return html`<div class=${css.LOG_NEAR} data-level=${levelOf(line, labels)} data-own=${isOwn ? '' : undefined}>
    <time>${formatDate(Number(ns / 1_000_000n), 'HH:mm:ss.SSS', utc)}</time><${Marked} text=${line} sought=${sought} /></div>`;
}
