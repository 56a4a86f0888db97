// Explore without drawing: its queries in the address, the panels it is made of, its history. Pure.
/** @typedef {import('./types.d.ts').TargetResult} TargetResult */

/** More queries than this cannot be compared by eye. */
export const QUERIES_MAX = 8;

/** Queries that are remembered; the oldest leave first. */
export const HISTORY_MAX = 100;

/** How the graph may be drawn: the name in the address, and the words. @type {[string, string][]} */
export const STYLES = [['lines', 'Lines'], ['stacked', 'Stacked'], ['bars', 'Bars'], ['points', 'Points']];

/** Ids of the panels; they tell the answers apart. */
const GRAPH = 1;
const TABLE = 2;
export const VOLUME = 3;
export const LINES = 4;

/** Lines asked for at a time. */
export const LINES_ASKED = 1000;

/** @typedef {'promql' | 'logql'} Language */

/** The language of an address: LogQL where it says so. @param {URLSearchParams} params @returns {Language} */
export const languageOf = (params) => (params.get('language') === 'logql' ? 'logql' : 'promql');

/** The queries of an address; there is always one, if only an empty one. @param {URLSearchParams} params */
export function queriesOf(params) {
  const list = params.getAll('expr').slice(0, QUERIES_MAX);
  return list.length === 0 ? [''] : list;
}

/** The letter of a query: A, B, … @param {number} at */
export const refIdOf = (at) => String.fromCharCode(65 + at);

/**
 * The panels of the page, in Grafana's form, so that what draws dashboards draws these.
 * @param {string[]} exprs
 * @param {{style: string, kinds: (string | null)[], language?: Language, oldest?: boolean}} look kinds: what each query evaluates to, as far as it is
 *   known; oldest: the oldest lines first
 */
export function panelsOf(exprs, { style, kinds, language = 'promql', oldest = false }) {
  const all = exprs.map((expr, at) => ({ refId: refIdOf(at), expr, kind: kinds[at] })).filter(({ expr }) => expr.trim() !== '');
  const targets = all.filter(({ kind }) => kind !== 'logs');
  const source = language === 'logql' ? { datasource: { type: 'loki' } } : {};
  const at = (/** @type {string} */ queryType) => (language === 'logql' ? { ...source, queryType } : {});
  // A range of samples and a text have no curve: they are asked for at one moment only.
  const drawn = targets.filter(({ kind }) => kind !== 'matrix' && kind !== 'string');
  const custom = {
    drawStyle: style === 'bars' ? 'bars' : style === 'points' ? 'points' : 'line',
    fillOpacity: style === 'stacked' ? 60 : style === 'bars' ? 80 : 0,
    stacking: { mode: style === 'stacked' ? 'normal' : 'none', group: 'A' },
    showPoints: 'auto',
  };
  return {
    graph: {
      id: GRAPH,
      type: 'timeseries',
      title: 'Graph',
      targets: drawn.map(({ refId, expr }) => ({ refId, expr, ...at('range') })),
      fieldConfig: { defaults: { custom }, overrides: [] },
      options: { legend: { displayMode: 'list', placement: 'bottom', showLegend: true }, tooltip: { mode: 'multi' } },
    },
    table: {
      id: TABLE,
      type: 'table',
      title: 'Table',
      targets: targets.map(({ refId, expr }) => ({ refId, expr, instant: true, format: 'table', ...at('instant') })),
      fieldConfig: { defaults: {}, overrides: [] },
      // Values of several queries beside each other, where their labels are the same.
      transformations: [{ id: 'merge', options: {} }],
      options: {},
    },
    lines: {
      id: LINES,
      type: 'logs',
      title: 'Lines',
      targets: all.filter(({ kind }) => kind === 'logs').map(({ refId, expr }) => ({ refId, expr, ...at('range'), maxLines: LINES_ASKED, direction: oldest ? 'forward' : 'backward' })),
      fieldConfig: { defaults: {}, overrides: [] },
      options: { sortOrder: oldest ? 'Ascending' : 'Descending' },
    },
  };
}

/** What the answers cost, all together. @param {TargetResult[]} results */
export function costOf(results) {
  const sum = (/** @type {(result: TargetResult) => number} */ part) => results.reduce((all, result) => all + part(result), 0);
  const ranges = results.filter((result) => result.id.startsWith(`${GRAPH}:`));
  const curves = ranges.length > 0 ? ranges : results.filter((result) => result.id.startsWith(`${TABLE}:`));
  return {
    tookMs: Math.max(0, ...results.map((result) => result.took_ms ?? 0)),
    series: curves.reduce((all, result) => all + (result.series?.length ?? 0), 0),
    seriesRead: sum((result) => result.series_read ?? 0),
    samplesRead: sum((result) => result.samples_read ?? 0),
    lines: sum((result) => result.lines?.length ?? 0),
    linesRead: sum((result) => result.lines_read ?? 0),
    bytesRead: sum((result) => result.bytes_read ?? 0),
    stepMs: Math.max(0, ...ranges.map((result) => result.step ?? 0)),
  };
}

/** The first error of a query, and the first reason why it is empty; what only counts its lines says nothing about it. @param {TargetResult[]} results @param {number} at */
export function saidOf(results, at) {
  const own = results.filter((result) => result.id.endsWith(`:${refIdOf(at)}`) && !result.id.startsWith(`${VOLUME}:`));
  const isEmpty = own.length > 0 && own.every((result) => (result.series?.length ?? 0) === 0 && (result.lines?.length ?? 0) === 0);
  return {
    error: own.find((result) => result.error)?.error ?? null,
    why: isEmpty ? own.find((result) => result.why)?.why ?? null : null,
    warnings: [...new Set(own.flatMap((result) => result.warnings ?? []))],
  };
}

/**
 * The history with a query on top; one that is there already moves up.
 * @param {string[]} history newest first
 * @param {string[]} exprs
 */
export function remembered(history, exprs) {
  const fresh = exprs.map((expr) => expr.trim()).filter((expr) => expr !== '');
  return [...fresh, ...history.filter((old) => !fresh.includes(old))].slice(0, HISTORY_MAX);
}

/** Where byte `at` of `text` is in UTF-16 units: the API counts bytes, an editor does not. @param {string} text @param {number} at */
export function unitOf(text, at) {
  const bytes = new TextEncoder().encode(text);
  return new TextDecoder().decode(bytes.slice(0, at)).length;
}

/**
 * A query with the named part replaced by another text.
 * @param {string} text
 * @param {{start?: number, end?: number}} part in bytes
 * @param {string} instead
 */
export function replacedPart(text, { start, end }, instead) {
  if (start === undefined || end === undefined) return text;
  return text.slice(0, unitOf(text, start)) + instead + text.slice(unitOf(text, end));
}
