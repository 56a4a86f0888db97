// Filters that the reader adds to every query of a dashboard ("ad hoc" variables): matchers put into each selector of an expression. Pure.

/** @typedef {{key: string, operator: string, value: string}} Filter */

const OPERATORS = ['=~', '!~', '!=', '='];

/** In an address a filter is `key|operator|value`. @param {string} text @returns {Filter | null} */
export function readFilter(text) {
  const [key, operator, ...rest] = text.split('|');
  return OPERATORS.includes(operator) && /^[a-zA-Z_][\w.]*$/.test(key) ? { key, operator, value: rest.join('|') } : null;
}

/** As a reader types it, `job=~"a|b"` or `job=web`. @param {string} text @returns {string | null} as an address has it */
export function typedFilter(text) {
  const found = /^\s*([a-zA-Z_][\w.]*)\s*(=~|!~|!=|=)\s*"?(.*?)"?\s*$/.exec(text);
  return found ? `${found[1]}|${found[2]}|${found[3]}` : null;
}

/** The filters of a definition. @param {any} raw @returns {string[]} */
export function savedFilters(raw) {
  return (Array.isArray(raw?.filters) ? raw.filters : []).filter((/** @type {any} */ one) => one?.key).map((/** @type {any} */ one) => `${one.key}|${one.operator ?? '='}|${one.value ?? ''}`);
}

const GROUPING = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const WORDS = new Set([...GROUPING, 'and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan', 'atan2', 'start', 'end', 'fill', 'fill_left', 'fill_right', 'anchored', 'smoothed',
  'sum', 'min', 'max', 'avg', 'group', 'stddev', 'stdvar', 'count', 'count_values', 'bottomk', 'topk', 'quantile', 'limitk', 'limit_ratio']);

/** Texts, comments, ranges, selectors, numbers (durations too), words. */
const TOKEN = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|#[^\n]*|\[[^\]]*\]|\{|\d[\w.]*|[a-zA-Z_:][\w:.]*/g;

/**
 * @param {string} expr
 * @param {Filter[]} filters
 * @param {'promql' | 'logql'} language in LogQL only selectors of streams are selectors
 * @returns {string}
 */
export function withFilters(expr, filters, language) {
  if (filters.length === 0) return expr;
  const matchers = filters.map(({ key, operator, value }) => `${key}${operator}"${value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`).join(',');
  let out = '';
  let from = 0;
  const copy = (/** @type {number} */ until) => {
    out += expr.slice(from, until);
    from = until;
  };
  for (const { 0: token, index } of expr.matchAll(TOKEN)) {
    if (index < from) continue;
    const end = index + token.length;
    if (token === '{') {
      const close = closing(expr, end, '}');
      const inner = expr.slice(end, close).trim().replace(/,$/, '');
      copy(end);
      out += `${inner}${inner === '' ? '' : ','}${matchers}`;
      from = close;
    } else if (language === 'promql' && /^[a-zA-Z_:]/.test(token)) {
      const next = /\S/.exec(expr.slice(end))?.[0] ?? '';
      if (GROUPING.has(token.toLowerCase()) && next === '(') copy(closing(expr, expr.indexOf('(', end) + 1, ')'));
      else if (next !== '(' && next !== '{' && !WORDS.has(token.toLowerCase())) {
        copy(end);
        out += `{${matchers}}`;
      }
    }
  }
  return out + expr.slice(from);
}

/** Where what is open at `from` closes; texts are passed over. @param {string} text @param {number} from @param {string} mark */
function closing(text, from, mark) {
  for (const found of text.slice(from).matchAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|[})]/g)) if (found[0] === mark) return from + found.index;
  return text.length;
}
