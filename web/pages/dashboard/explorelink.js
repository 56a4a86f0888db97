// The address of Explore with what a panel asks for.
import { QUERIES_MAX } from '../../lib/explore.js';
import { withRange } from '../../lib/route.js';

/** Queries of the language of the first: Explore speaks one at a time. @param {import('./model.js').PanelData} data @param {string} search of the page, for its range */
export function exploreLink(data, search) {
  const language = data.targets[0]?.language ?? 'promql';
  const own = data.targets.filter((target) => (target.language ?? 'promql') === language);
  const exprs = [...new Set(own.map((target) => target.expr))].slice(0, QUERIES_MAX);
  const fields = language === 'logql' ? [['language', language]] : [];
  const query = new URLSearchParams([...fields, ...exprs.map((expr) => ['expr', expr])]).toString();
  const here = withRange('/explore', search);
  if (exprs.length === 0) return here;
  return `${here}${here.includes('?') ? '&' : '?'}${query}`;
}
