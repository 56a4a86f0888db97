// What the editor's completion asks for PromQL: names and values out of the live store.
import { fetchProm } from '../../lib/client.js';
import { keep, span } from './kept.js';

/** Names in one list; typing narrows what is cut. */
const LIST_MAX = 20_000;

/** @typedef {{type: number, name: string, value: string}} Matcher */

/** The client that codemirror-promql speaks to. @param {any} cm the editor's module, which has the numbers of the operators */
export function completionClient(cm) {
  const ask = (/** @type {string} */ path, /** @type {Record<string, string | undefined>} */ params, /** @type {any} */ nothing) =>
    keep(['promql', path, params], () => fetchProm(path, { params }), nothing);
  const listed = () => ({ ...span(), limit: String(LIST_MAX) });
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
    labelNames: (metric) => ask('/labels', { ...listed(), 'match[]': selector(metric) }, []),
    /** @param {string} label @param {string} [metric] @param {Matcher[]} [matchers] */
    labelValues: (label, metric, matchers) => ask(`/label/${encodeURIComponent(label)}/values`, { ...listed(), 'match[]': selector(metric, matchers, label) }, []),
    metricMetadata: () => ask('/metadata', {}, {}),
    /** @param {string} metric @param {Matcher[]} [matchers] @param {string} [label] */
    series: (metric, matchers, label) => ask('/series', { ...listed(), 'match[]': selector(metric, matchers, label) }, []),
    metricNames: () => ask('/label/__name__/values', listed(), []),
    flags: async () => ({}),
  };
}
