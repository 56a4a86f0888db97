// Addresses of Explore: our own, and those that Prometheus and Grafana make. Pure.
import { QUERIES_MAX } from './explore.js';
import { parseDuration } from './time.js';

/** @typedef {import('./explore.js').Language} Language */
/** @typedef {{expr: string[], from: string | null, to: string | null, language: string | null}} Meant  what a link of another program means here */

/** The address of Explore. @param {Language} language @param {string[]} exprs @param {import('./types.d.ts').RangeText | null} range */
export function exploreAddress(language, exprs, range) {
  const query = new URLSearchParams(range ? { from: range.from, to: range.to } : {});
  if (language === 'logql') query.set('language', language);
  for (const expr of exprs) query.append('expr', expr);
  return `/explore?${query}`;
}

/**
 * What Prometheus' link to a graph means here: `g0.expr`, `g0.range_input`, `g0.end_input`. Null when it is none.
 * @param {URLSearchParams} params
 * @returns {Meant | null}
 */
export function fromGraphLink(params) {
  const expr = [];
  for (let at = 0; at < QUERIES_MAX; at += 1) {
    const one = params.get(`g${at}.expr`);
    if (one) expr.push(one);
  }
  if (expr.length === 0) return null;
  const length = parseDuration(params.get('g0.range_input') ?? '');
  const end = Date.parse(`${(params.get('g0.end_input') ?? params.get('g0.moment_input') ?? '').replace(' ', 'T')}Z`);
  if (length === null) return { expr, language: null, from: null, to: null };
  if (Number.isNaN(end)) return { expr, language: null, from: `now-${params.get('g0.range_input')?.trim()}`, to: 'now' };
  return { expr, language: null, from: String(end - length), to: String(end) };
}

/**
 * What Grafana's link to Explore means here: `panes`, before version 10 `left`, as JSON. Its first pane counts. `time` and `time.window`
 * (milliseconds, as Grafana's dashboards have them) go before the pane's own range. Null when it is none.
 * @param {URLSearchParams} params
 * @returns {Meant | null}
 */
export function fromGrafanaLink(params) {
  const pane = paneOf(params);
  if (!pane) return null;
  const queries = Array.isArray(pane.queries) ? pane.queries : [];
  const expr = queries.map((/** @type {any} */ query) => query?.expr).filter((/** @type {unknown} */ text) => typeof text === 'string' && text !== '').slice(0, QUERIES_MAX);
  const source = JSON.stringify([pane.datasource, queries[0]?.datasource]);
  const middle = Number(params.get('time') ?? NaN);
  const length = Number(params.get('time.window') ?? NaN);
  const range = middle > 0 && length > 0 ? { from: String(Math.round(middle - length / 2)), to: String(Math.round(middle + length / 2)) } : { from: textOf(pane.range?.from), to: textOf(pane.range?.to) };
  return { expr, language: /loki|logs/i.test(source) ? 'logql' : null, ...range };
}

/** Parameters that such a link has, which mean nothing here once it is read. */
export const FOREIGN = /^(g\d+\..*|panes|left|schemaVersion|orgId|time|time\.window)$/;

/** @param {unknown} value */
const textOf = (value) => (typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : null);

/** @param {URLSearchParams} params @returns {any} */
function paneOf(params) {
  try {
    const panes = JSON.parse(params.get('panes') ?? 'null');
    const first = panes ? Object.values(panes)[0] : JSON.parse(params.get('left') ?? 'null');
    return first !== null && typeof first === 'object' ? first : null;
  } catch {
    return null;
  }
}
