// Annotations: moments and spans that a dashboard marks on its graphs, out of queries of their own. Pure.
import { interpolate } from './interpolate.js';
import { fillLegend } from './names.js';

/** @typedef {import('./frames.js').Frames} Frames */
/** @typedef {import('./interpolate.js').Variables} Variables */
/** @typedef {{from: number, to: number, title: string, text: string, tags: string[], color: string, source: number}} Mark ms; a moment has equal ends */

/** The queries of annotations are asked as those of a panel with this id, which no panel has. */
export const ANNOTATIONS_ID = -1;

/** Distance of points when the file does not say. */
const STEP_DEFAULT = '60s';
/** More marks than this hide the graph; the oldest are left out. */
const MARKS_MAX = 500;

/** Those that ask something, whoever made them. @param {any} dashboard @returns {any[]} */
export function annotationsOf(dashboard) {
  const list = Array.isArray(dashboard?.annotations?.list) ? dashboard.annotations.list : [];
  return list.filter((/** @type {any} */ one) => one && one.builtIn !== 1 && one.builtIn !== true && exprOf(one) !== '');
}

/** @param {any} one */
const exprOf = (one) => String(one.expr || one.target?.expr || '').trim();

/**
 * A panel that asks for them all.
 * @param {any[]} list see {@link annotationsOf}
 * @param {ReadonlySet<string>} flipped names that the reader switched to what the file does not say
 */
export function annotationPanel(list, flipped) {
  return {
    id: ANNOTATIONS_ID,
    type: 'annotations',
    // As many points as may be asked for: the step is theirs, not that of a drawing.
    maxDataPoints: 10_000,
    targets: list.map((one, at) => ({ refId: String(at), expr: exprOf(one), interval: one.step || STEP_DEFAULT, datasource: one.datasource ?? one.target?.datasource, hide: !isOn(one, flipped) })),
  };
}

/** @param {any} one @param {ReadonlySet<string>} flipped */
export const isOn = (one, flipped) => (one.enable !== false) !== flipped.has(String(one.name));

/**
 * @param {any[]} list
 * @param {Frames} frames the answer to {@link annotationPanel}
 * @param {Variables} variables
 * @returns {Mark[]}
 */
export function marksOf(list, frames, variables) {
  const marks = frames.fields.flatMap((field) => {
    const source = Number(field.refId);
    const one = list[source] ?? {};
    const word = (/** @type {unknown} */ format, /** @type {string} */ otherwise) => fillLegend(interpolate(format || otherwise, variables, 'raw'), field.labels);
    const told = { title: word(one.titleFormat, String(one.name ?? '')), text: word(one.textFormat, ''), tags: tagsOf(one, field.labels), color: String(one.iconColor ?? 'red'), source };
    const spans = spansOf(field, frames.x, one.useValueForTime === true || one.useValueForTime === 'on');
    // What held at the last point holds still, as far as anybody knows.
    const open = (/** @type {{from: number, to: number}} */ span) => span.to > span.from && span.to + field.stepMs >= frames.to;
    return spans.map((span) => ({ ...told, ...span, ...(open(span) ? { to: frames.to } : {}) }));
  });
  const lines = frames.lines.map((line) => {
    const one = list[Number(line.refId)] ?? {};
    return { from: line.ms, to: line.ms, title: fillLegend(String(one.titleFormat || one.name || ''), line.labels), text: line.line, tags: tagsOf(one, line.labels), color: String(one.iconColor ?? 'red'), source: Number(line.refId) };
  });
  return [...marks, ...lines].sort((a, b) => a.from - b.from).slice(-MARKS_MAX);
}

/** @param {any} one @param {Record<string, string>} labels */
function tagsOf(one, labels) {
  return String(one.tagKeys ?? '').split(',').flatMap((key) => labels[key.trim()] || []);
}

/** Points that are not zero, a step apart, are one span. @param {import('./frames.js').Field} field @param {number[]} x @param {boolean} valueIsTime */
function spansOf({ values, stepMs }, x, valueIsTime) {
  /** @type {{from: number, to: number}[]} */
  const spans = [];
  if (valueIsTime) {
    const moments = new Set(values.filter((value) => typeof value === 'number' && value > 0));
    return [...moments].map((value) => ({ from: Number(value), to: Number(value) }));
  }
  values.forEach((value, at) => {
    if (typeof value !== 'number' || !(Math.abs(value) > 0)) return;
    const last = spans[spans.length - 1];
    if (last && x[at] - last.to <= stepMs) last.to = x[at];
    else spans.push({ from: x[at], to: x[at] });
  });
  return spans;
}

/** The marks that a panel shows. @param {Mark[]} marks @param {any[]} list @param {number} panelId @returns {Mark[]} */
export function marksFor(marks, list, panelId) {
  return marks.filter(({ source }) => {
    const { ids, exclude } = list[source]?.filter ?? {};
    return !Array.isArray(ids) || ids.length === 0 || ids.map(Number).includes(panelId) !== (exclude === true);
  });
}
