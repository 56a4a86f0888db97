// Answers of a panel's targets as one table, and tables as CSV, for the panel inspector. Pure.
import { formatLabels, wireNumber } from './format.js';

/** @typedef {import('./types.d.ts').TargetResult} TargetResult */
/** @typedef {{columns: string[], times: number[], rows: (number | null)[][], left_out: number}} Table */

/** A browser draws this many rows without stutter; the CSV has them all. */
export const ROWS_SHOWN_MAX = 500;

/** More columns than this cannot be read side by side. */
export const COLUMNS_SHOWN_MAX = 100;

/**
 * Joins all series on their times: one row a time, one column a series.
 * @param {TargetResult[]} results
 * @param {number} [columnsMax]
 * @returns {Table}
 */
export function tableOf(results, columnsMax = COLUMNS_SHOWN_MAX) {
  const series = results.flatMap((result) => (result.series ?? []).map((one) => ({ one, result })));
  const kept = series.slice(0, columnsMax);
  const times = new Set(kept.flatMap(({ result }) => timesOf(result)));
  const sorted = [...times].sort((a, b) => a - b);
  const place = new Map(sorted.map((time, at) => [time, at]));
  const rows = sorted.map(() => new Array(kept.length).fill(null));
  kept.forEach(({ one, result }, column) => {
    timesOf(result).forEach((time, at) => {
      rows[place.get(time) ?? 0][column] = wireNumber(one.values[at]);
    });
  });
  return { columns: kept.map(({ one }) => formatLabels(one.labels)), times: sorted, rows, left_out: series.length - kept.length };
}

/** @param {TargetResult} result */
function timesOf({ start = 0, step = 0, count = 0 }) {
  return Array.from({ length: count }, (_, at) => start + at * step);
}

/** The whole table as CSV (RFC 4180), times in ISO 8601; lines of logs as they are. @param {TargetResult[]} results */
export function csvOf(results) {
  const logs = results.filter((result) => result.kind === 'logs');
  return logs.length > 0 ? linesCsv(logs) : seriesCsv(results);
}

/** @param {TargetResult[]} results */
function linesCsv(results) {
  const lines = results.flatMap((result) =>
    (result.lines ?? []).map((line, at) => [nsText(result.times_ns?.[at] ?? '0'), formatLabels(result.label_sets?.[result.labels?.[at] ?? -1] ?? {}), line].map(quote).join(',')),
  );
  return `${['time,labels,line', ...lines].join('\r\n')}\r\n`;
}

/** All nine digits of a moment. @param {string} ns */
function nsText(ns) {
  const at = BigInt(ns);
  return `${new Date(Number(at / 1_000_000n)).toISOString().slice(0, 19)}.${String(at % 1_000_000_000n).padStart(9, '0')}Z`;
}

/** @param {TargetResult[]} results */
function seriesCsv(results) {
  const table = tableOf(results, Infinity);
  const lines = [['time', ...table.columns].map(quote).join(',')];
  table.rows.forEach((row, at) => {
    lines.push([new Date(table.times[at]).toISOString(), ...row.map((value) => (value === null ? '' : String(value)))].join(','));
  });
  return `${lines.join('\r\n')}\r\n`;
}

/** @param {string} text a leading `=` would be run as a formula by a spreadsheet */
function quote(text) {
  const safe = /^[=+@-]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
