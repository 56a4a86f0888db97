// What a series is called: legend formats, Prometheus' own notation, Grafana's automatic names.

/** @typedef {Record<string, string>} Labels */

/**
 * `name{a="x", b="y"}`; without labels the name; without either the fallback.
 * @param {Labels} labels
 * @param {string} fallback
 * @returns {string}
 */
export function seriesText(labels, fallback) {
  const name = labels.__name__ ?? '';
  const pairs = labelPairs(labels);
  if (pairs !== '') return `${name}{${pairs}}`;
  return name || fallback;
}

/** @param {Labels} labels */
function labelPairs(labels) {
  return Object.keys(labels)
    .filter((key) => key !== '__name__')
    .sort()
    .map((key) => `${key}="${labels[key]}"`)
    .join(', ');
}

/**
 * `{{ label }}` becomes the label's value, "" when the series has none.
 * @param {string} format
 * @param {Labels} labels
 * @returns {string}
 */
export function fillLegend(format, labels) {
  return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_whole, key) => (Object.hasOwn(labels, key) ? labels[key] : ''));
}

/**
 * @typedef {object} NamedSeries
 * @property {Labels} labels
 * @property {string} expr
 * @property {string} legend the target's legendFormat, variables already put in
 */

/**
 * Names for all series of a panel, in order. Equal names stay equal.
 * @param {ReadonlyArray<NamedSeries>} list
 * @returns {string[]}
 */
export function nameSeries(list) {
  const keys = new Set(list.flatMap((series) => Object.keys(series.labels)).filter((key) => key !== '__name__'));
  return list.map((series) => {
    if (series.legend === '') return seriesText(series.labels, series.expr);
    if (series.legend !== '__auto') return fillLegend(series.legend, series.labels);
    return autoName(series, keys);
  });
}

/** When one label tells the series apart its value is name enough. @param {NamedSeries} series @param {Set<string>} keys */
function autoName({ labels, expr }, keys) {
  const own = Object.keys(labels).filter((key) => key !== '__name__');
  if (own.length === 0) return seriesText(labels, expr);
  if (keys.size === 1) return labels[own[0]];
  return `{${labelPairs(labels)}}`;
}
