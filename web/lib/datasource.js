// Which of our two languages a query is in, out of the many ways a file names its data source (dashboard specification, part 1). Pure.

/** @typedef {import('./interpolate.js').Variables} Variables */
/** @typedef {{language: 'promql' | 'logql' | null, type: string}} Source language null: a kind of source that is not here; `type` names it */

/** @type {Record<string, 'promql' | 'logql'>} */
const LANGUAGES = {
  prometheus: 'promql',
  'victoriametrics-metrics-datasource': 'promql',
  'grafana-amazonprometheus-datasource': 'promql',
  'grafana-azureprometheus-datasource': 'promql',
  loki: 'logql',
  'victoriametrics-logs-datasource': 'logql',
};

/** Names that say nothing about the kind: the target or its expression has to. */
const MARKERS = new Set(['', 'default', 'datasource', 'mixed', 'grafana', '-- mixed --', '-- grafana --', '-- dashboard --']);

/** Whether a panel takes its data from another one. @param {any} given */
export function isDashboardSource(given) {
  return given === '-- Dashboard --' || given?.uid === '-- Dashboard --';
}

/**
 * @param {any} target
 * @param {any} panel
 * @param {Variables} variables
 * @returns {Source}
 */
export function sourceOf(target, panel, variables) {
  const given = target?.datasource ?? panel?.datasource ?? null;
  const uid = typeof given === 'string' ? given : String(given?.uid ?? '');
  const type = typeof given === 'string' ? '' : String(given?.type ?? '');
  const plugin = pluginOf(uid, variables) ?? type;
  if (plugin in LANGUAGES) return { language: LANGUAGES[plugin], type: plugin };
  if (plugin === '__expr__' || uid === '__expr__') return { language: null, type: 'expression' };
  if (plugin !== '' && !MARKERS.has(plugin.toLowerCase())) return { language: null, type: plugin };
  if (/loki|logs/i.test(uid)) return { language: 'logql', type: 'loki' };
  return isLogs(target, panel) ? { language: 'logql', type: 'loki' } : { language: 'promql', type: 'prometheus' };
}

/** What a variable or an input of the file says its source is. @param {string} uid @param {Variables} variables @returns {string | null} */
function pluginOf(uid, variables) {
  const name = /^\$\{?(\w+)(?::\w+)?\}?$/.exec(uid)?.[1];
  if (name === undefined || !Object.hasOwn(variables, name)) return null;
  const variable = /** @type {any} */ (variables[name]);
  return typeof variable === 'object' && typeof variable?.plugin === 'string' && variable.plugin !== '' ? variable.plugin : null;
}

/** A selector of streams with a line filter or a parser behind it. */
const PIPELINE = /\{[^}]*\}\s*(\|=|!=|\|~|!~|\|\s*(json|logfmt|pattern|regexp|unpack|line_format|label_format|unwrap)\b)/;

/** @param {any} target @param {any} panel */
function isLogs(target, panel) {
  return panel?.type === 'logs' || typeof target?.queryType === 'string' && /^(range|instant|stream)$/.test(target.queryType) && target.expr?.includes?.('{') || PIPELINE.test(String(target?.expr ?? ''));
}

/**
 * A LogQL query that gives lines begins with its selector; any other gives numbers.
 * @param {string} expr
 */
export function isLogQuery(expr) {
  return /^[\s(]*\{/.test(expr.replace(/^\s*#.*$/gm, ''));
}
