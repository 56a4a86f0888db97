// How many lines of each level a query found over time: what is asked, and one set of columns out of the answers. Pure.
import { LEVELS, levelNamed } from './loglines.js';
import { volumeOf } from './logedit.js';
import { formatDuration, roundInterval } from './step.js';
import { VOLUME, refIdOf } from './explore.js';

/** @typedef {import('./types.d.ts').Target} Target */
/** @typedef {import('./types.d.ts').TargetResult} TargetResult */
/** @typedef {import('./types.d.ts').Range} Range */

/** Bars over the width of a screen; more are too thin to be aimed at. */
const BARS = 80;

/** Colours as the lines have them, in Grafana's names. @type {Record<string, string>} */
const COLOURS = { critical: 'purple', error: 'red', warning: 'yellow', info: 'green', debug: 'blue', trace: 'super-light-blue', unknown: '#8a94a2' };

/**
 * What to ask for each query: spans that end at multiples of the step, the one that still fills included.
 * @param {string[]} exprs
 * @param {Range} range
 * @returns {Target[]}
 */
export function volumeTargets(exprs, { from, to }) {
  const step = Math.max(1000, roundInterval((to - from) / BARS));
  const first = (Math.floor(from / step) + 1) * step;
  return exprs.flatMap((expr, at) => {
    const counted = volumeOf(expr, formatDuration(step));
    return counted === null ? [] : [{ id: `${VOLUME}:${refIdOf(at)}`, expr: counted, step_ms: step, instant: false, language: 'logql', from: first, to: Math.max(first, Math.ceil(to / step) * step) }];
  });
}

/** One answer with a series a level, of all queries together. @param {TargetResult[]} results @returns {TargetResult | null} null while there is none */
export function mergedVolume(results) {
  const own = results.filter((one) => one.id.startsWith(`${VOLUME}:`) && one.series);
  const [first] = own;
  if (!first) return null;
  /** @type {Map<string, number[]>} */
  const sums = new Map();
  for (const { labels, values } of own.flatMap((one) => one.series ?? [])) {
    const level = levelNamed(labels) ?? 'unknown';
    const into = sums.get(level) ?? new Array(first.count ?? 0).fill(0);
    sums.set(level, into);
    values.forEach((value, at) => {
      if (typeof value === 'number') into[at] += value;
    });
  }
  const series = LEVELS.filter((level) => sums.has(level)).map((level) => ({ labels: { level }, values: sums.get(level) ?? [] }));
  return { ...first, id: `${VOLUME}:A`, series };
}

/** The panel that draws it. @param {boolean} hasLevels whether any line has a level */
export function volumePanel(hasLevels) {
  const custom = { drawStyle: 'bars', fillOpacity: 85, lineWidth: 0, barWidthFactor: 0.86, barAlignment: -1, stacking: { mode: 'normal', group: 'A' }, axisSoftMin: 0 };
  return {
    id: VOLUME,
    type: 'timeseries',
    title: 'Lines over time',
    targets: [{ refId: 'A', expr: 'lines', legendFormat: '{{level}}', datasource: { type: 'loki' }, queryType: 'range' }],
    fieldConfig: {
      defaults: { custom, unit: 'short', decimals: 0, min: 0 },
      overrides: LEVELS.map((level) => ({ matcher: { id: 'byName', options: level }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: COLOURS[level] } }] })),
    },
    options: { legend: { displayMode: 'list', placement: 'bottom', showLegend: hasLevels }, tooltip: { mode: 'multi' } },
  };
}
