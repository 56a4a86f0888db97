// The address of Explore with what a panel asks for.
import { QUERIES_MAX } from '../../lib/explore.js';
import { withRange } from '../../lib/route.js';

/** @param {import('./model.js').PanelData} data @param {string} search of the page, for its range */
export function exploreLink(data, search) {
  const exprs = [...new Set(data.targets.map((target) => target.expr))].slice(0, QUERIES_MAX);
  const query = new URLSearchParams(exprs.map((expr) => ['expr', expr])).toString();
  const here = withRange('/explore', search);
  if (query === '') return here;
  return `${here}${here.includes('?') ? '&' : '?'}${query}`;
}
