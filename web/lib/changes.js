// What changed lately, out of what programs say of themselves: starts, reloads, new versions. Pure.
import { wireNumber } from './format.js';

/** @typedef {import('./types.d.ts').TargetResult} TargetResult */
/** @typedef {import('./types.d.ts').Target} Target */
/** @typedef {{at: number | null, kind: 'start' | 'reload' | 'version', text: string, names: string[]}} Change at: ms; null when only the day is known */

/** Older changes explain nothing of now. */
const WITHIN_S = 21_600;
const WITHIN = '6h';

/** Starts this close together have one cause. */
const TOGETHER_MS = 30_000;

/** A program that has just started has loaded its configuration for the first time: no news. */
const FIRST_LOAD_MS = 60_000;

const VERSIONS = 'group by (job, version) ({__name__=~".+_(build|app)_info",version!=""})';

/** @type {Target[]} */
export const CHANGE_TARGETS = [
  ['change-start', `max by (job, instance) (process_start_time_seconds) > time() - ${WITHIN_S}`],
  ['change-reload', `max by (job, instance) (prometheus_config_last_reload_success_timestamp_seconds) > time() - ${WITHIN_S}`],
  ['change-version', `${VERSIONS} unless (${VERSIONS} offset ${WITHIN}) and on (job) (${VERSIONS} offset ${WITHIN})`],
].map(([id, expr]) => ({ id, expr, step_ms: 1000, instant: true }));

/** @param {TargetResult[]} results @returns {Change[]} newest first */
export function changesOf(results) {
  const rows = (/** @type {string} */ id) =>
    (results.find((result) => result.id === id)?.series ?? []).map(({ labels, values }) => ({ labels, at: Number(wireNumber(values.at(-1)) ?? 0) * 1000 }));
  const starts = rows('change-start').sort((a, b) => b.at - a.at);
  const started = new Map(starts.map(({ labels, at }) => [`${labels.job} ${labels.instance}`, at]));
  const reloads = rows('change-reload').filter(({ labels, at }) => at - (started.get(`${labels.job} ${labels.instance}`) ?? 0) > FIRST_LOAD_MS);
  /** @type {Change[]} */
  const changes = [
    ...together(starts).map(({ at, names }) => ({ at, kind: /** @type {const} */ ('start'), text: names.length === 1 ? `${names[0]} started` : `${names.length} processes started`, names })),
    ...reloads.map(({ labels, at }) => ({ at, kind: /** @type {const} */ ('reload'), text: `${labels.instance || labels.job} loaded its configuration anew`, names: [] })),
    ...rows('change-version').map(({ labels }) => ({ at: null, kind: /** @type {const} */ ('version'), text: `${labels.job} runs version ${labels.version}`, names: [] })),
  ];
  return changes.sort((a, b) => (b.at ?? 0) - (a.at ?? 0));
}

/** Starts with one cause are one change. @param {{labels: Record<string, string>, at: number}[]} starts newest first */
function together(starts) {
  /** @type {{at: number, names: string[]}[]} */
  const groups = [];
  for (const { labels, at } of starts) {
    const last = groups[groups.length - 1];
    const name = labels.instance || labels.job || 'a process';
    if (last && last.at - at <= TOGETHER_MS) last.names.push(name);
    else groups.push({ at, names: [name] });
  }
  return groups.map(({ at, names }) => ({ at, names: names.sort((a, b) => a.localeCompare(b, undefined, { numeric: true })) }));
}
