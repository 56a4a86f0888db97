// Pies and donuts: a slice a value, with a legend that says how much.
import { html } from '../lib/html.js';
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { readableOn } from '../lib/color.js';
import { seriesColor } from '../lib/display.js';
import { slicePath, slicesOf } from '../lib/pie.js';
import { formatNumber } from '../lib/units.js';
import * as css from './classes.js';
import { isolate, readLegend, toggle } from './legend.js';
import { Linked } from './linked.js';
import { linksOf, reducedFields } from './reduced.js';
import { useReport } from './report.js';
import { useSize } from './useplot.js';
import { hideTip, SeriesTip, showTip } from './tip.js';

/** A slice below this share has no room for words. */
const WORDS_SHARE_MIN = 0.05;
const WORDS_PX = 11;
const OUTER = 48;
const HOLE = 28;

/** @param {import('./index.js').KindProps} props */
export function Pie({ panel, frames, theme, variables, report }) {
  const options = panel?.options ?? {};
  const me = useRef({});
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const { width, height } = useSize(host);
  // Words keep their size whatever that of the pie, in units of the drawing.
  const letter = (WORDS_PX * 100) / Math.max(60, Math.min(width, height));
  const [hidden, setHidden] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  useEffect(() => () => hideTip(me.current), []);
  const values = reducedFields(panel, frames, theme);
  const colors = values.map((one) => (one.field.config.color.mode === 'palette-classic' || one.field.config.color.mode === 'fixed' ? seriesColor(one.field, frames.fields, theme) : one.display.color));
  const slices = slicesOf(values.map((one) => (hidden.has(one.key) || one.field.config.custom.hideFrom?.viz ? null : one.value)), options.sort ?? 'desc');
  const drawn = slices.filter((slice) => slice.share > 0);
  useReport(report, { series: values.length, points: drawn.length });
  const legend = readLegend(panel);
  const percent = (/** @type {number} */ share) => `${formatNumber(share * 100, share < 0.1 ? 1 : 0)}%`;
  const text = (/** @type {number} */ at) => `${values[at].display.prefix}${values[at].display.text}${values[at].display.suffix}`;
  const tip = (/** @type {import('../lib/pie.js').Slice} */ slice) => (/** @type {PointerEvent} */ event) =>
    showTip(me.current, html`<${SeriesTip} time=${percent(slice.share)} rows=${[{ color: colors[slice.at], name: values[slice.at].field.name, value: text(slice.at), near: true }]} />`, { x: event.clientX, y: event.clientY });
  const labels = Array.isArray(options.displayLabels) ? options.displayLabels : [];
  const shown = { name: (/** @type {number} */ at) => values[at].field.name, value: text, percent: (/** @type {number} */ _at, /** @type {number} */ share) => percent(share) };
  const words = (/** @type {import('../lib/pie.js').Slice} */ { at, share }) => labels.flatMap((/** @type {string} */ label) => (label in shown ? [shown[/** @type {keyof typeof shown} */ (label)](at, share)] : []));
  const keys = values.map((one) => one.key);
  const click = (/** @type {MouseEvent} */ event, /** @type {string} */ key) => setHidden(event.ctrlKey || event.metaKey ? toggle(hidden, key) : isolate(hidden, keys, key));
  const columns = (Array.isArray(options.legend?.values) ? options.legend.values : []).filter((/** @type {string} */ one) => one === 'value' || one === 'percent');
  const side = options.legend?.placement === 'right' ? css.CHART_RIGHT : '';
  return html`<div class="${css.CHART} ${side}">
    <div class=${css.PIE} ref=${host} onPointerLeave=${() => hideTip(me.current)}><svg viewBox="0 0 100 100" role="img" aria-label=${`${panel.title || 'pie'}: ${values.map((one, at) => `${one.field.name} ${text(at)}`).slice(0, 6).join(', ')}`}>
      ${drawn.map((slice) => html`<path key=${keys[slice.at]} d=${slicePath(slice, options.pieType === 'donut' ? HOLE : 0, OUTER)} fill=${colors[slice.at]} stroke="var(--surface)" stroke-width="0.6"
        data-value=${String(values[slice.at].value)} data-share=${slice.share.toFixed(4)} onPointerMove=${tip(slice)} />`)}
      ${drawn.filter((slice) => slice.share >= WORDS_SHARE_MIN).map((slice) => html`<${Words} key=${slice.at} slice=${slice} lines=${words(slice)} ink=${readableOn(colors[slice.at])} donut=${options.pieType === 'donut'} letter=${letter} />`)}
    </svg></div>
    ${legend.shown && html`<div class=${css.LEGEND}><table class=${css.LEGEND_TABLE}>
      ${columns.length > 0 && html`<thead><tr><th></th>${columns.map((/** @type {string} */ one) => html`<th class=${css.LEGEND_VALUE}>${one === 'value' ? 'Value' : 'Percent'}</th>`)}</tr></thead>`}
      <tbody>${slices.map(({ at, share }) => html`<tr key=${keys[at]}><td><button type="button" class="${css.LEGEND_ITEM} ${hidden.has(keys[at]) ? css.LEGEND_OFF : ''}" aria-pressed=${!hidden.has(keys[at])} title=${values[at].field.name} onClick=${(/** @type {MouseEvent} */ event) => click(event, keys[at])}>
        <i class=${css.LEGEND_MARK} style=${{ background: colors[at] }} /><span class=${css.LEGEND_NAME}>${values[at].field.name}</span></button></td>
        ${columns.map((/** @type {string} */ one) => html`<td class=${css.LEGEND_VALUE}>${one === 'percent' ? percent(share) : html`<${Linked} links=${linksOf(values[at], variables ?? {})}>${text(at)}<//>`}</td>`)}</tr>`)}</tbody></table></div>`}</div>`;
}

/** @param {{slice: import('../lib/pie.js').Slice, lines: string[], ink: string, donut: boolean, letter: number}} props */
function Words({ slice, lines, ink, donut, letter }) {
  const angle = ((slice.from + slice.to) / 2) * 2 * Math.PI;
  const radius = donut ? (HOLE + OUTER) / 2 : OUTER * 0.66;
  const isWhole = slice.share > 0.999 && !donut;
  const [x, y] = isWhole ? [50, 50] : [50 + radius * Math.sin(angle), 50 - radius * Math.cos(angle)];
  return html`<text text-anchor="middle" font-size=${letter.toFixed(2)} fill=${ink} pointer-events="none">${lines.map((line, i) => html`<tspan key=${i} x=${x.toFixed(2)} y=${(y + letter * 0.36 + (i - (lines.length - 1) / 2) * letter * 1.15).toFixed(2)}>${line.length > 18 ? `${line.slice(0, 17)}…` : line}</tspan>`)}</text>`;
}
