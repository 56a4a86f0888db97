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
 * @property {string[]} parsed  names of the labels that the query made
 * @property {Level} level
 */

/** @param {Answer[]} answers @returns {LogLine[]} */
export function linesOf(answers) {
  return answers.flatMap(({ target, result }) => {
    if (result.kind !== 'logs') return [];
    const keyOf = keys(target.refId);
    return (result.lines ?? []).map((line, at) => {
      const set = result.labels?.[at] ?? -1;
      return lineOf({
        keyOf,
        refId: target.refId,
        ns: BigInt(result.times_ns?.[at] ?? '0'),
        line,
        labels: result.label_sets?.[set] ?? {},
        metadata: result.metadata?.[at] ?? {},
        parsed: result.parsed?.[set] ?? [],
      });
    });
  });
}

/** @param {Omit<LogLine, 'key' | 'ms' | 'level'> & {keyOf: (ns: bigint, labels: Record<string, string>) => string}} given @returns {LogLine} */
export function lineOf({ keyOf, ...line }) {
  return { ...line, key: keyOf(line.ns, line.labels), ms: Number(line.ns / 1_000_000n), level: levelOf(line.line, { ...line.labels, ...line.metadata }) };
}

/** Names for lines that stay the same while others come and go around them. @param {string} refId */
export function keys(refId) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  /** @type {Map<Record<string, string>, string>} */
  const texts = new Map();
  return (/** @type {bigint} */ ns, /** @type {Record<string, string>} */ labels) => {
    const text = texts.get(labels) ?? JSON.stringify(labels);
    texts.set(labels, text);
    const key = `${refId}:${ns}:${text}`;
    const count = seen.get(key) ?? 0;
    seen.set(key, count + 1);
    return count === 0 ? key : `${key}:${count}`;
  };
}

/** @type {Record<string, Level>} */
const WORDS = {
  emerg: 'critical', fatal: 'critical', alert: 'critical', crit: 'critical', critical: 'critical', panic: 'critical',
  err: 'error', eror: 'error', error: 'error', warn: 'warning', warning: 'warning',
  info: 'info', information: 'info', informational: 'info', notice: 'info', dbug: 'debug', debug: 'debug', trace: 'trace',
};

/** Labels that hold the level, the likelier first. */
const LABELS = ['detected_level', 'level', 'lvl', 'severity', 'loglevel', 'log_level'];

/** The levels, the worst first. @type {Level[]} */
export const LEVELS = ['critical', 'error', 'warning', 'info', 'debug', 'trace', 'unknown'];

/** The level that a label names. @param {Record<string, string>} labels @returns {Level | null} */
export function levelNamed(labels) {
  for (const name of LABELS) {
    const word = String(labels[name] ?? '').toLowerCase();
    if (Object.hasOwn(WORDS, word)) return WORDS[word];
  }
  return null;
}

/**
 * The level: by a label, by `level=` or `"level":` in the line, else by the first word in it that names one.
 * @param {string} line
 * @param {Record<string, string>} labels
 * @returns {Level}
 */
export function levelOf(line, labels) {
  const named = levelNamed(labels);
  if (named) return named;
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
