// Lines of logs as files. Pure.

/** @typedef {import('./loglines.js').LogLine} LogLine */

/** Nanoseconds as ISO 8601, with every digit. @param {bigint} ns */
export function isoNs(ns) {
  const ms = ns / 1_000_000n;
  const rest = String(ns - ms * 1_000_000n).padStart(6, '0');
  return new Date(Number(ms)).toISOString().replace('Z', `${rest}Z`);
}

/** A line a line: moment, text. @param {LogLine[]} lines */
export const asText = (lines) => lines.map(({ ns, line }) => `${isoNs(ns)}\t${line}\n`).join('');

/** Everything that is known of each line. @param {LogLine[]} lines */
export function asJson(lines) {
  const list = lines.map(({ ns, line, labels, metadata }) => ({ time: isoNs(ns), timestamp_ns: String(ns), labels, metadata, line }));
  return `[\n${list.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`;
}
