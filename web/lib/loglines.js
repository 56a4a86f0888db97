// Lines of logs out of answers: one list in order of time, each line with its labels and level. Pure.

/** @typedef {import('./answers.js').Answer} Answer */
/** @typedef {'critical' | 'error' | 'warning' | 'info' | 'debug' | 'trace' | 'unknown'} Level */

/**
 * @typedef {object} LogLine
 * @property {string} key      the same for the same line after a refresh
 * @property {string} refId
 * @property {bigint} ns       nanoseconds since the epoch
 * @property {number} ms
 * @property {string} line
 * @property {Record<string, string>} labels
 * @property {Record<string, string>} metadata
 * @property {Level} level
 */

/** @param {Answer[]} answers @returns {LogLine[]} */
export function linesOf(answers) {
  return answers.flatMap(({ target, result }) => {
    if (result.kind !== 'logs') return [];
    const sets = result.label_sets ?? [];
    return (result.lines ?? []).map((line, at) => {
      const ns = BigInt(result.times_ns?.[at] ?? '0');
      const labels = sets[result.labels?.[at] ?? -1] ?? {};
      const metadata = result.metadata?.[at] ?? {};
      return { key: `${target.refId}:${ns}:${result.labels?.[at] ?? 0}:${at}`, refId: target.refId, ns, ms: Number(ns / 1_000_000n), line, labels, metadata, level: levelOf(line, { ...labels, ...metadata }) };
    });
  });
}

/** @type {Record<string, Level>} */
const WORDS = {
  emerg: 'critical', fatal: 'critical', alert: 'critical', crit: 'critical', critical: 'critical', panic: 'critical',
  err: 'error', eror: 'error', error: 'error', warn: 'warning', warning: 'warning',
  info: 'info', information: 'info', informational: 'info', notice: 'info', dbug: 'debug', debug: 'debug', trace: 'trace',
};

/** Labels that hold the level, the likelier first. */
const LABELS = ['detected_level', 'level', 'lvl', 'severity', 'loglevel', 'log_level'];

/**
 * The level: by a label, by `level=` or `"level":` in the line, else by the first word in it that names one.
 * @param {string} line
 * @param {Record<string, string>} labels
 * @returns {Level}
 */
export function levelOf(line, labels) {
  for (const name of LABELS) {
    const found = WORDS[String(labels[name] ?? '').toLowerCase()];
    if (found) return found;
  }
  const said = /(?:^|[\s,{"])(?:level|lvl|severity|loglevel)"?\s*[=:]\s*"?(\w+)/i.exec(line)?.[1]?.toLowerCase();
  if (said && Object.hasOwn(WORDS, said)) return WORDS[said];
  for (const [word] of line.slice(0, 400).matchAll(/\b(?:emerg|fatal|crit|critical|panic|error|err|warn|warning|info|notice|debug|trace)\b/gi)) return WORDS[word.toLowerCase()];
  return 'unknown';
}

/** What two lines must share to be told once. @type {Record<string, (line: string) => string>} */
const SAME = {
  exact: (line) => line,
  numbers: (line) => line.replace(/\d/g, ''),
  signature: (line) => line.replace(/\w/g, ''),
};

/**
 * Lines as the panel wants them: newest or oldest first, repeats next to each other counted instead of shown.
 * @param {LogLine[]} lines
 * @param {any} options
 * @returns {{one: LogLine, repeats: number}[]}
 */
export function arranged(lines, options) {
  const sign = options?.sortOrder === 'Ascending' ? 1 : -1;
  const sorted = lines.map((one, at) => ({ one, at })).sort((a, b) => (a.one.ns === b.one.ns ? a.at - b.at : a.one.ns < b.one.ns ? -sign : sign));
  const same = SAME[options?.dedupStrategy];
  /** @type {{one: LogLine, repeats: number}[]} */
  const out = [];
  for (const { one } of sorted) {
    const last = out[out.length - 1];
    if (same && last && same(last.one.line) === same(one.line)) last.repeats += 1;
    else out.push({ one, repeats: 0 });
  }
  return out;
}

/** Labels that all lines share, and are told once. @param {LogLine[]} lines @returns {Record<string, string>} */
export function commonLabels(lines) {
  if (lines.length < 2) return {};
  return Object.fromEntries(Object.entries(lines[0].labels).filter(([name, value]) => lines.every((line) => line.labels[name] === value)));
}

/**
 * What a line holds beyond its text: the fields of a line of JSON or of `key=value` pairs.
 * @param {string} line
 * @returns {[string, string][]}
 */
export function fieldsOf(line) {
  if (/^\s*\{/.test(line)) {
    try {
      const read = JSON.parse(line);
      return Object.entries(read).map(([key, value]) => [key, value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value)]);
    } catch {
      return [];
    }
  }
  const pairs = [...line.matchAll(/(?:^|\s)([A-Za-z_][\w.-]*)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)];
  return pairs.length < 2 ? [] : pairs.map(([, key, quoted, bare]) => [key, quoted ?? bare]);
}
