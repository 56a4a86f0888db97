// How often values fall into each of some spans of equal width. Pure.

/** Spans when the panel does not say how many. */
const BUCKETS_DEFAULT = 30;
/** More spans than pixels would be drawn for nothing. */
const BUCKETS_MAX = 1000;

/**
 * @param {ReadonlyArray<ReadonlyArray<any>>} columns
 * @param {{bucketSize?: unknown, bucketCount?: unknown, bucketOffset?: unknown}} options
 * @returns {{low: number[], high: number[], counts: number[][], total: number[]} | null} null when there is no number
 */
export function histogramOf(columns, { bucketSize, bucketCount, bucketOffset }) {
  const isNumber = (/** @type {unknown} */ value) => typeof value === 'number' && Number.isFinite(value);
  const all = columns.flatMap((column) => column.filter(isNumber));
  if (all.length === 0) return null;
  const min = all.reduce((a, b) => Math.min(a, b));
  const max = all.reduce((a, b) => Math.max(a, b));
  const wished = Number(bucketSize) > 0 ? Number(bucketSize) : niceWidth((max - min) / (Number(bucketCount) || BUCKETS_DEFAULT) || Math.abs(max) / 10 || 1);
  const width = Math.max(wished, (max - min) / (BUCKETS_MAX - 1));
  const offset = Number(bucketOffset) || 0;
  const first = Math.floor((min - offset) / width);
  const length = Math.floor((max - offset) / width) - first + 1;
  const bound = (/** @type {number} */ at) => Number(((first + at) * width + offset).toPrecision(12));
  const counts = columns.map((column) => {
    const own = new Array(length).fill(0);
    for (const value of column) if (isNumber(value)) own[Math.min(length - 1, Math.floor((value - offset) / width) - first)] += 1;
    return own;
  });
  const total = Array.from({ length }, (_, at) => counts.reduce((sum, own) => sum + own[at], 0));
  return { low: total.map((_, at) => bound(at)), high: total.map((_, at) => bound(at + 1)), counts, total };
}

/** 1, 2, 2.5 or 5 times a power of ten, not below the wish. @param {number} wish */
export function niceWidth(wish) {
  const power = 10 ** Math.floor(Math.log10(wish));
  return Number((([1, 2, 2.5, 5].find((digit) => digit * power >= wish * (1 - 1e-9)) ?? 10) * power).toPrecision(12));
}
