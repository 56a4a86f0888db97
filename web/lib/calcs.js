// Reducers: one number out of a column. Null and NaN are skipped unless the name says otherwise; an empty column gives null (count and sum give 0).

/**
 * A column as it comes from a query: null is "no value here", undefined "this series has no point at this x".
 * @typedef {ReadonlyArray<number | null | undefined>} Column
 */

/** Names as Grafana shows them; `legend.sortBy` uses them. @type {Record<string, string>} */
const NAMES = {
  lastNotNull: 'Last *',
  last: 'Last',
  firstNotNull: 'First *',
  first: 'First',
  min: 'Min',
  max: 'Max',
  mean: 'Mean',
  sum: 'Total',
  count: 'Count',
  range: 'Range',
  diff: 'Difference',
  diffperc: 'Difference percent',
  delta: 'Delta',
  step: 'Step',
  logmin: 'Min (above zero)',
  median: 'Median',
  stdDev: 'StdDev',
  variance: 'Variance',
  changeCount: 'Change count',
  distinctCount: 'Distinct count',
  allIsZero: 'All zeros',
  allIsNull: 'All nulls',
};

/** @type {Record<string, string>} */
const ALIASES = { current: 'lastNotNull', avg: 'mean', total: 'sum' };

/** @param {string} id */
function canonical(id) {
  return ALIASES[id] ?? id;
}

/**
 * @param {string} id
 * @returns {string}
 */
export function calcName(id) {
  const key = canonical(id);
  if (Object.hasOwn(NAMES, key)) return NAMES[key];
  const percentile = /^p(\d{1,2})$/.exec(key);
  return percentile ? `${percentile[1]}th %` : key;
}

/**
 * Reduces a column.
 * @param {string} id     "lastNotNull", "mean", "p95", … or an old alias
 * @param {Column} column
 * @returns {number | null}
 */
export function reduce(id, column) {
  const key = canonical(id);
  if (key === 'last') return present(column.filter((v) => v !== undefined).at(-1));
  if (key === 'first') return present(column.find((v) => v !== undefined));
  if (key === 'allIsNull') return column.some((v) => v !== null && v !== undefined) ? 0 : 1;
  const values = /** @type {number[]} */ (column.filter((v) => v !== null && v !== undefined && !Number.isNaN(v)));
  if (key === 'count') return values.length;
  if (key === 'sum') return values.reduce((total, v) => total + v, 0);
  if (values.length === 0) return null;
  return overValues(key, values);
}

/** @param {number | null | undefined} value */
function present(value) {
  return value === undefined || value === null || Number.isNaN(value) ? null : value;
}

/** @param {string} key @param {number[]} values all finite or infinite, at least one */
function overValues(key, values) {
  const percentile = /^p(\d{1,2})$/.exec(key);
  if (percentile) return quantile(values, Number(percentile[1]) / 100);
  const reducer = Object.hasOwn(REDUCERS, key) ? REDUCERS[key] : REDUCERS.lastNotNull;
  return reducer(values);
}

/** @type {Record<string, (values: number[]) => number | null>} */
const REDUCERS = {
  lastNotNull: (values) => values[values.length - 1],
  firstNotNull: (values) => values[0],
  min: smallest,
  max: largest,
  mean: (values) => average(values),
  range: (values) => largest(values) - smallest(values),
  diff: (values) => values[values.length - 1] - values[0],
  diffperc: (values) => (values[0] === 0 ? null : (values[values.length - 1] - values[0]) / values[0]),
  delta: increase,
  logmin: (values) => values.reduce((/** @type {number | null} */ best, v) => (v > 0 && (best === null || v < best) ? v : best), null),
  median: (values) => quantile(values, 0.5),
  variance,
  stdDev: (values) => Math.sqrt(variance(values)),
  changeCount: (values) => values.reduce((count, v, i) => count + (i > 0 && v !== values[i - 1] ? 1 : 0), 0),
  distinctCount: (values) => new Set(values).size,
  allIsZero: (values) => (values.every((v) => v === 0) ? 1 : 0),
  step: () => null,
};

/** @param {number[]} values */
function smallest(values) {
  return values.reduce((best, v) => (v < best ? v : best), Infinity);
}

/** @param {number[]} values */
function largest(values) {
  return values.reduce((best, v) => (v > best ? v : best), -Infinity);
}

/** @param {number[]} values */
function average(values) {
  return values.reduce((total, v) => total + v, 0) / values.length;
}

/** @param {number[]} values */
function variance(values) {
  const mean = average(values);
  return values.reduce((total, v) => total + (v - mean) ** 2, 0) / values.length;
}

/** The sum of increases; after a drop (a counter that began anew) the new value counts. @param {number[]} values */
function increase(values) {
  let total = 0;
  for (let i = 1; i < values.length; i++) total += values[i] >= values[i - 1] ? values[i] - values[i - 1] : values[i];
  return total;
}

/** Nearest rank, as Grafana's percentiles. @param {number[]} values @param {number} q */
function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  if (q === 0.5 && sorted.length % 2 === 0) return (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}
