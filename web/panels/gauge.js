// Gauges: an arc of three quarters of a circle, filled up to the value, thresholds as a thin arc outside.
import { html } from '../lib/html.js';
import { useRef } from '../vendor/preact/hooks.js';
import { resolveColor } from '../lib/color.js';
import { absoluteSteps, percentOf } from '../lib/thresholds.js';
import * as css from './classes.js';
import { formatTick } from '../lib/units.js';
import { Linked } from './linked.js';
import { linksOf, reducedFields } from './reduced.js';
import { useReport } from './report.js';
import { useSize } from './useplot.js';

/** Degrees; 0 is up. */
const START = -125;
const SWEEP = 250;
/** Room for the value inside the arc, in units of the drawing, and a letter's width per height. */
const INNER_WIDTH = 56;
const LETTER_WIDTH = 0.62;

/** @param {import('./index.js').KindProps} props */
export function Gauge({ panel, frames, theme, variables, report }) {
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const size = useSize(host);
  const gauges = reducedFields(panel, frames, theme);
  const across = bestColumns(gauges.length, size);
  const cell = { width: size.width / across, height: size.height / Math.max(1, Math.ceil(gauges.length / across)) };
  const named = gauges.length > 1;
  const side = Math.max(48, Math.min(cell.width, (cell.height - (named ? 20 : 0)) / 0.8));
  const markers = panel?.options?.showThresholdMarkers !== false;
  const drawn = size.width > 0 ? gauges : [];
  useReport(report, { series: drawn.length, points: drawn.filter((one) => one.value !== null).length });
  return html`<div class=${css.GAUGES} ref=${host} style=${{ gridTemplateColumns: `repeat(${across}, 1fr)` }}>
    ${size.width > 0 && gauges.map((one) => html`<${Dial} key=${one.key} ...${{ one, theme, named, side, markers, labels: panel?.options?.showThresholdLabels === true, links: linksOf(one, variables ?? {}) }} />`)}</div>`;
}

/** The number of columns that leaves each gauge the most room. @param {number} count @param {{width: number, height: number}} size */
function bestColumns(count, size) {
  let best = 1;
  let room = 0;
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const side = Math.min(size.width / columns, size.height / Math.ceil(count / columns));
    if (side > room) [best, room] = [columns, side];
  }
  return best;
}

/** @param {number} radius @param {number} from 0…1 @param {number} to */
function arc(radius, from, to) {
  const at = (/** @type {number} */ share) => {
    const angle = ((START + SWEEP * share) * Math.PI) / 180;
    return `${(50 + radius * Math.sin(angle)).toFixed(2)} ${(50 - radius * Math.cos(angle)).toFixed(2)}`;
  };
  return `M${at(from)} A${radius} ${radius} 0 ${(to - from) * SWEEP > 180 ? 1 : 0} 1 ${at(to)}`;
}

/** Where a word stands beside the arc. @param {number} radius @param {number} share */
function placeOn(radius, share) {
  const angle = ((START + SWEEP * share) * Math.PI) / 180;
  return { x: (50 + radius * Math.sin(angle)).toFixed(2), y: (51.5 - radius * Math.cos(angle)).toFixed(2), 'text-anchor': share < 0.45 ? 'end' : share > 0.55 ? 'start' : 'middle' };
}

/** @param {{one: import('./reduced.js').Reduced, theme: import('../lib/color.js').Theme, named: boolean, side: number, markers: boolean, labels: boolean, links: import('../lib/links.js').Link[]}} props */
function Dial({ one, theme, named, side, markers, labels, links }) {
  const { field, extent, display, value } = one;
  const filled = value === null ? 0 : display.percent;
  const text = `${display.prefix}${display.text || '–'}${display.suffix}`;
  const steps = absoluteSteps(field.config.thresholds, extent.min, extent.max).map((step) => ({
    value: step.value,
    at: percentOf(step.value, extent.min, extent.max),
    color: resolveColor(step.color, theme),
  }));
  const marks = steps.map((step, i) => ({ from: step.at, to: steps[i + 1]?.at ?? 1, color: step.color })).filter((mark) => mark.to > mark.from);
  const fontSize = Math.min(17, INNER_WIDTH / (Math.max(3, text.length) * LETTER_WIDTH)).toFixed(1);
  return html`<figure class=${css.GAUGE} data-value=${value === null ? '' : String(value)} data-text=${text} data-percent=${filled.toFixed(4)}>
    <${Linked} links=${links}><svg viewBox="0 3 100 80" width=${side} height=${side * 0.8} role="img" aria-label="${field.name} ${text}">
      <path d=${arc(38, 0, 1)} fill="none" stroke="var(--line)" stroke-width="9" />
      ${filled > 0.001 && html`<path d=${arc(38, 0, filled)} fill="none" stroke=${display.color} stroke-width="9" />`}
      ${markers && marks.map(({ from, to, color }) => html`<path d=${arc(45.5, from, to)} fill="none" stroke=${color} stroke-width="2" />`)}
      ${labels && steps.filter((step) => step.at > 0 && step.at < 1).map((step, i) => html`<text key=${i} ...${placeOn(49.5, step.at)} font-size="4.5" fill="var(--muted)">${formatTick(step.value, field.config.unit, field.config.decimals)}</text>`)}
      <text x="50" y="56" text-anchor="middle" fill=${value === null ? 'var(--muted)' : display.color} font-size=${fontSize}>${text}</text></svg><//>
    ${named && html`<figcaption class=${css.STAT_NAME} title=${field.name}>${field.name}</figcaption>`}</figure>`;
}
