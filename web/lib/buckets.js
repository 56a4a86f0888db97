// Heatmap cells out of series: classic histogram buckets (`le`, cumulative) become counts per bucket; rows are sorted by their bound.

/** @typedef {import('./frames.js').Field} Field */
/** @typedef {import('./frames.js').Frames} Frames */

/**
 * @typedef {object} BucketRow
 * @property {string} lowText   the bound below, as the data names it ("0" under the first)
 * @property {string} highText  the bound above
 * @property {number} low       NaN when the names are not numbers
 * @property {number} high
 * @property {Array<number | null>} counts one per x
 *
 * @typedef {object} Heat
 * @property {number[]} x       right edges of the cells, ms
 * @property {number} stepMs    width of a cell
 * @property {BucketRow[]} rows from low to high
 * @property {Array<number | null>} totals one per x: what all buckets hold
 * @property {boolean} isNumeric rows have numeric bounds
 */

/** Smaller differences are noise of floating point. */
const COUNT_MIN = 1e-9;

/**
 * @param {Frames} frames
 * @param {any} [options] the panel's; `calculate` makes buckets out of plain values
 * @returns {Heat}
 */
export function toHeat(frames, options) {
  if (options?.calculate === true) return calculateHeat(frames, options.calculation ?? {});
  const cumulative = frames.fields.filter((field) => field.format === 'heatmap');
  const chosen = cumulative.length > 0 ? cumulative : frames.fields;
  const merged = mergeRows(
    chosen.filter((field) => field.refId === chosen[0]?.refId),
    cumulative.length > 0,
  );
  const isNumeric = merged.length > 0 && merged.every((row) => !Number.isNaN(row.bound));
  if (isNumeric) merged.sort((a, b) => a.bound - b.bound);
  const counts = cumulative.length > 0 && isNumeric ? perBucket(merged) : merged.map((row) => row.values);
  // Rows that are not cumulative may be named by their lower bound.
  const byLower = cumulative.length === 0 && options?.rowsFrame?.layout === 'ge' && isNumeric;
  const rows = merged.map((row, i) => ({ ...(byLower ? boundsAbove(merged, i) : boundsBelow(merged, i)), counts: counts[i] }));
  return { x: frames.x, stepMs: frames.stepMs, rows, totals: columnTotals(counts, frames.x.length), isNumeric };
}

/** @param {Row[]} rows @param {number} i */
function boundsBelow(rows, i) {
  return { lowText: i > 0 ? rows[i - 1].name : '0', highText: rows[i].name, low: i > 0 ? rows[i - 1].bound : 0, high: rows[i].bound };
}

/** @param {Row[]} rows @param {number} i */
function boundsAbove(rows, i) {
  const next = rows[i + 1];
  return { lowText: rows[i].name, highText: next?.name ?? '+Inf', low: rows[i].bound, high: next?.bound ?? Infinity };
}

/** Buckets when the panel does not say how many. */
const X_BUCKETS = 20;
const Y_BUCKETS = 10;
/** More rows than pixels would be drawn for nothing. */
const ROWS_MAX = 500;

/**
 * Counts plain values: each cell holds the points that fall into its span of time and of values. A logarithm has no place for
 * values that are not above zero: they are left out.
 * @param {Frames} frames @param {any} calculation @returns {Heat}
 */
function calculateHeat({ fields, x, from, to, stepMs }, { xBuckets = {}, yBuckets = {} }) {
  const isLog = yBuckets.scale?.type === 'log';
  const counts = (/** @type {unknown} */ value) => typeof value === 'number' && Number.isFinite(value) && (!isLog || value > 0);
  const numbers = fields.flatMap((field) => field.values.filter(counts)).map(Number);
  if (numbers.length === 0) return { x: [], stepMs: stepMs || 1, rows: [], totals: [], isNumeric: true };
  const ladder = (isLog ? powerLadder : evenLadder)(yBuckets, numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b)));
  const width = Math.max(
    1,
    (to - from || stepMs || 1) / (xBuckets.mode === 'count' && Number(xBuckets.value) > 0 ? Number(xBuckets.value) : X_BUCKETS),
  );
  const columns = Math.max(1, Math.ceil((to - from) / width));
  const rows = Array.from({ length: ladder.count }, (_, row) => boundRow(ladder.edge(row), ladder.edge(row + 1), columns));
  for (const { values } of fields) {
    values.forEach((value, i) => {
      if (!counts(value)) return;
      const row = rows[Math.min(ladder.count - 1, Math.max(0, ladder.rung(Number(value))))];
      const column = Math.min(columns - 1, Math.max(0, Math.ceil((x[i] - from) / width) - 1));
      row.counts[column] = (row.counts[column] ?? 0) + 1;
    });
  }
  return {
    x: Array.from({ length: columns }, (_, i) => from + (i + 1) * width),
    stepMs: width,
    rows,
    totals: columnTotals(
      rows.map((row) => row.counts),
      columns,
    ),
    isNumeric: true,
  };
}

/** @typedef {{count: number, edge: (row: number) => number, rung: (value: number) => number}} Ladder rows of values, from low to high */

/** Rows of one size. @param {any} yBuckets @param {number} low @param {number} high @returns {Ladder} */
function evenLadder(yBuckets, low, high) {
  const asked = Number(yBuckets.value);
  const size = yBuckets.mode === 'size' && asked > 0 ? asked : niceSize((high - low) / (asked || Y_BUCKETS) || Math.abs(high) || 1);
  const first = Math.floor(low / size);
  return { count: Math.min(ROWS_MAX, Math.floor(high / size) - first + 1), edge: (row) => (first + row) * size, rung: (value) => Math.floor(value / size) - first };
}

/** Rows between powers of 2 or 10; `value` says into how many each power is divided. @param {any} yBuckets @param {number} low @param {number} high @returns {Ladder} */
function powerLadder(yBuckets, low, high) {
  const base = Number(yBuckets.scale?.log) === 10 ? 10 : 2;
  const parts = Math.max(1, Number(yBuckets.value) || 1);
  // The tiny amount keeps exact powers in the row that begins with them.
  const step = (/** @type {number} */ value) => Math.floor(((base === 10 ? Math.log10(value) : Math.log2(value)) + 1e-12) * parts);
  const first = step(low);
  return { count: Math.min(ROWS_MAX, step(high) - first + 1), edge: (row) => base ** ((first + row) / parts), rung: (value) => step(value) - first };
}

/** @param {number} low @param {number} high @param {number} columns @returns {BucketRow} */
function boundRow(low, high, columns) {
  const text = (/** @type {number} */ bound) => String(Number(bound.toPrecision(12)));
  return { lowText: text(low), highText: text(high), low, high, counts: new Array(columns).fill(0) };
}

/** 1, 2 or 5 times a power of ten, not below the wish. @param {number} wish */
function niceSize(wish) {
  const power = 10 ** Math.floor(Math.log10(wish));
  return /** @type {number} */ (([1, 2, 5, 10].find((digit) => digit * power >= wish)) ?? 10) * power;
}

/** @typedef {{name: string, bound: number, values: Array<number | null>}} Row */

/** Series with the same bound (other labels differ) are added up. @param {Field[]} fields @param {boolean} byLe @returns {Row[]} */
function mergeRows(fields, byLe) {
  /** @type {Map<string, Row>} */
  const rows = new Map();
  for (const field of fields) {
    const name = byLe ? (field.labels.le ?? field.name) : field.name;
    const bound = toBound(name);
    const key = Number.isNaN(bound) ? name : String(bound);
    const values = field.values.map((value) => (typeof value === 'number' && Number.isFinite(value) ? value : null));
    const row = rows.get(key);
    if (row) row.values = row.values.map((value, i) => add(value, values[i]));
    else rows.set(key, { name, bound, values });
  }
  return [...rows.values()];
}

/** @param {number | null} a @param {number | null} b */
function add(a, b) {
  if (a === null || a === undefined) return b ?? null;
  return a + (b ?? 0);
}

/** @param {string} name */
function toBound(name) {
  const text = name.trim();
  if (/^\+?inf(inity)?$/i.test(text)) return Infinity;
  return text === '' ? NaN : Number(text);
}

/** What each bucket holds beyond the one below it, at the same time. @param {Row[]} rows @returns {Array<Array<number | null>>} */
function perBucket(rows) {
  return rows.map((row, i) =>
    row.values.map((value, at) => {
      if (value === null) return null;
      const below = i > 0 ? (rows[i - 1].values[at] ?? 0) : 0;
      return value - below < COUNT_MIN ? 0 : value - below;
    }),
  );
}

/** @param {Array<Array<number | null>>} counts @param {number} length */
function columnTotals(counts, length) {
  return Array.from({ length }, (_, at) => {
    /** @type {number | null} */
    let total = null;
    for (const row of counts) if (row[at] !== null && row[at] !== undefined) total = (total ?? 0) + row[at];
    return total;
  });
}

/**
 * Smallest and largest painted count.
 * @param {Heat} heat
 * @param {number} above counts up to this are not painted
 * @returns {{min: number, max: number, cells: number}}
 */
export function paintedRange(heat, above) {
  let min = Infinity;
  let max = -Infinity;
  let cells = 0;
  for (const row of heat.rows) {
    for (const value of row.counts) {
      if (value === null || value === undefined || value <= above) continue;
      cells += 1;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  return cells > 0 ? { min, max, cells } : { min: 0, max: 0, cells: 0 };
}
