// Live lines: messages read, the newest kept, what was left out counted. Pure.
import { lineOf } from './loglines.js';

/** @typedef {import('./loglines.js').LogLine} LogLine */

/** Lines kept on the page; older ones leave. Enough to look back some screens, little enough to stay quick. */
export const LIVE_LINES_MAX = 2000;
/** Lines of the past to begin with, and after a broken connection. */
export const BACKFILL_LINES = 100;
export const CATCH_UP_LINES = 1000;

/** How much of the time before a break is asked for again, since lines are not stored in the order of their moments. */
export const OVERLAP_NS = 30_000_000_000n;

/**
 * @typedef {object} Tail
 * @property {LogLine[]} lines    oldest first
 * @property {number} received    in all
 * @property {number} dropped     left out by the monitor because the page was too slow, as far as it says
 * @property {number} gaps        breaks after which more lines had come than are asked for again
 *
 * @typedef {{lines: LogLine[], dropped: number, count: number}} Message  lines: those not seen before, oldest first; count: with those seen before
 */

/** @type {Tail} */
export const EMPTY_TAIL = { lines: [], received: 0, dropped: 0, gaps: 0 };

/** Reads the messages of one page; each line gets a name of its own and is given once. */
export function tailReader() {
  let count = 0;
  const keyOf = () => `live:${(count += 1)}`;
  /** Lines of late, so that what is asked for again is known again. @type {Set<string>} */
  const seen = new Set();
  const isNew = (/** @type {LogLine} */ { ns, line, labels }) => {
    const name = `${ns} ${JSON.stringify(labels)} ${line}`;
    if (seen.has(name)) return false;
    seen.add(name);
    if (seen.size > 2 * LIVE_LINES_MAX) for (const oldest of seen) {
      seen.delete(oldest);
      break;
    }
    return true;
  };
  /** @param {string} text @returns {Message} */
  return (text) => {
    const message = JSON.parse(text);
    /** @type {LogLine[]} */
    const lines = (message.streams ?? []).flatMap((/** @type {any} */ { stream, values }) =>
      values.map((/** @type {[string, string, any]} */ [ns, line, { structuredMetadata = {}, parsed = {} } = {}]) =>
        lineOf({ keyOf, refId: 'A', ns: BigInt(ns), line, labels: { ...stream, ...parsed }, metadata: structuredMetadata, parsed: Object.keys(parsed) })),
    );
    lines.sort((a, b) => (a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0));
    return { lines: lines.filter(isNew), dropped: message.dropped_entries?.length ?? 0, count: lines.length };
  };
}

/** @param {Tail} tail @param {(Message & {gap?: boolean})[]} messages @returns {Tail} */
export function withMessages(tail, messages) {
  const fresh = messages.flatMap(({ lines }) => lines);
  const sum = (/** @type {(message: Message & {gap?: boolean}) => number} */ of) => messages.reduce((all, message) => all + of(message), 0);
  return {
    lines: [...tail.lines, ...fresh].slice(-LIVE_LINES_MAX),
    received: tail.received + fresh.length,
    dropped: tail.dropped + sum(({ dropped }) => dropped),
    gaps: tail.gaps + sum(({ gap }) => (gap ? 1 : 0)),
  };
}
