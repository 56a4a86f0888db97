// Stat tiles: one reduced value each, sized to its tile, coloured by threshold, with the line it came from behind it.
import { html } from '../lib/html.js';
import { useRef } from '../vendor/preact/hooks.js';
import { readableOn, withAlpha } from '../lib/color.js';

import { reduce } from '../lib/calcs.js';
import { formatNumber } from '../lib/units.js';
import * as css from './classes.js';
import { useReport } from './report.js';
import { useSize } from './useplot.js';
import { Linked } from './linked.js';
import { linksOf, reducedFields } from './reduced.js';

/** @typedef {import('./reduced.js').Reduced} Reduced */
/** @typedef {import('../lib/color.js').Theme} Theme */

/** Share of a letter's height that its width takes, for bold tabular digits of a wide typeface: a narrow one leaves room. */
const LETTER_WIDTH = 0.67;
/** Size of the unit beside the value; panels.css has the same. */
const UNIT_SHARE = 0.62;
const VALUE_PX_MAX = 56;
const VALUE_PX_MIN = 13;
/** Share of a tile's height that the line takes. */
const SPARK_SHARE = 0.36;

/** @param {import('./index.js').KindProps} props */
export function Stat({ panel, frames, theme, variables, report }) {
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const size = useSize(host);
  const options = panel?.options ?? {};
  const tiles = reducedFields(panel, frames, theme);
  const vertical = options.orientation === 'horizontal' ? true : options.orientation === 'vertical' ? false : size.height > size.width;
  const across = vertical ? 1 : Math.max(1, Math.min(tiles.length, Math.floor(size.width / 110) || 1));
  const lines = Math.ceil(tiles.length / across);
  const tile = { width: size.width / across, height: Math.max(40, size.height / Math.max(1, lines)) };
  const drawn = size.width > 0 ? tiles : [];
  useReport(report, { series: drawn.length, points: drawn.filter((one) => one.value !== null).length });
  return html`<div class=${css.STATS} ref=${host} style=${{ gridTemplateColumns: `repeat(${across}, 1fr)` }}>
    ${tiles.length === 0 && html`<div class=${css.NOTE}>No field of the answer is chosen by this panel</div>`}
    ${size.width > 0 && tiles.map((one) => html`<${Tile} key=${one.key} ...${{ one, options, theme, tile, many: tiles.length > 1, frames, links: linksOf(one, variables ?? {}) }} />`)}</div>`;
}

/** @param {{one: Reduced, options: any, theme: Theme, tile: {width: number, height: number}, many: boolean, frames: import('../lib/frames.js').Frames, links: import('../lib/links.js').Link[]}} props */
function Tile({ one, options, theme, tile, many, frames, links }) {
  const mode = options.textMode ?? 'auto';
  const hasName = mode === 'name' || mode === 'value_and_name' || (mode === 'auto' && many);
  const hasValue = mode !== 'name' && mode !== 'none';
  const isFilled = options.colorMode === 'background' || options.colorMode === 'background_solid';
  const { prefix, text, suffix, color } = one.display;
  const shown = { prefix, text: text === '' ? '–' : text, suffix };
  const hasSpark = (options.graphMode ?? 'area') !== 'none' && tile.height > 56;
  const px = Number(options.text?.valueSize) || fontSize(prefix.length + shown.text.length + suffix.length * UNIT_SHARE, tile, hasName || options.showPercentChange === true, hasSpark);
  const ink = isFilled
    ? readableOn(color)
    : one.value === null && one.field.values.length > 0
      ? 'var(--muted)'
      : options.colorMode === 'none'
        ? 'var(--text)'
        : color;
  const sparkHeight = Math.round(Math.min(tile.height * SPARK_SHARE, 80));
  // The value keeps clear of the line below it.
  const clear = hasSpark ? { paddingBottom: `${Math.round(sparkHeight * 0.9)}px` } : {};
  const spark = {
    values: one.field.values,
    x: frames.x,
    color: isFilled ? ink : color,
    width: tile.width,
    height: sparkHeight,
    extent: [one.field.config.min, one.field.config.max],
  };
  return html`<div class=${css.STAT} style=${{ ...clear, ...(isFilled ? { background: color, color: ink } : {}) }} title=${one.field.name}
      data-value=${one.value === null ? '' : String(one.value)} data-text="${shown.prefix}${shown.text}${shown.suffix}" data-color=${color}>
    ${hasSpark && html`<${Sparkline} ...${spark} />`}
    ${hasName && html`<div class=${css.STAT_NAME} style=${Number(options.text?.titleSize) > 0 ? { fontSize: `${options.text.titleSize}px` } : {}}>${one.field.name}</div>`}
    ${hasValue && html`<div class=${css.STAT_VALUE} style=${{ fontSize: `${px}px`, color: ink }}>
      <${Linked} links=${links}>${shown.prefix}${shown.text}<span class=${css.STAT_UNIT}>${shown.suffix}</span><//></div>`}
    ${hasValue && options.showPercentChange && html`<${Change} values=${one.field.values} />`}</div>`;
}

/** @param {number} letters of full size @param {{width: number, height: number}} tile @param {boolean} hasName @param {boolean} hasSpark */
function fontSize(letters, tile, hasName, hasSpark) {
  const room = tile.height * (hasSpark ? 0.45 : 0.72) - (hasName ? 18 : 0);
  const wide = (tile.width - 24) / Math.max(1, letters * LETTER_WIDTH);
  return Math.round(Math.max(VALUE_PX_MIN, Math.min(VALUE_PX_MAX, room, wide)));
}

/** @param {{values: ReadonlyArray<number | null | undefined>}} props */
function Change({ values }) {
  const change = reduce('diffperc', values);
  if (change === null) return null;
  return html`<div class=${css.STAT_CHANGE}>${change > 0 ? '↑ ' : change < 0 ? '↓ ' : ''}${formatNumber(Math.abs(change) * 100, 1)} %</div>`;
}

/**
 * A line without axes; gaps stay gaps. Needs two points.
 * @param {{values: ReadonlyArray<number | null | undefined>, x: number[], color: string, width: number, height: number, extent: Array<number | null>}} props
 */
export function Sparkline({ values, x, color, width, height, extent }) {
  const finite = values.filter((value) => typeof value === 'number' && Number.isFinite(value));
  if (finite.length < 2 || x.length < 2 || !(width > 0)) return null;
  const low = extent[0] ?? reduce('min', finite) ?? 0;
  const high = extent[1] ?? reduce('max', finite) ?? 1;
  // A line that never leaves the floor lies on it.
  const flat = low === extent[0] ? height - 2 : height / 2;
  const spanX = x[x.length - 1] - x[0] || 1;
  const toX = (/** @type {number} */ i) => (((x[i] - x[0]) / spanX) * width).toFixed(1);
  const toY = (/** @type {number} */ value) =>
    (high > low ? height - 2 - ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (height - 4) : flat).toFixed(1);
  const runs = runsOf(values);
  const line = runs.map((run) => run.map((i, at) => `${at === 0 ? 'M' : 'L'}${toX(i)} ${toY(Number(values[i]))}`).join('')).join('');
  const area = runs
    .map(
      (run) =>
        `M${toX(run[0])} ${height}${run.map((i) => `L${toX(i)} ${toY(Number(values[i]))}`).join('')}L${toX(run[run.length - 1])} ${height}Z`,
    )
    .join('');
  return html`<svg class=${css.STAT_SPARK} width=${width} height=${height} viewBox="0 0 ${width} ${height}" aria-hidden="true">
    <path d=${area} style=${{ fill: withAlpha(color, 0.14) }} /><path d=${line} style=${{ fill: 'none', stroke: withAlpha(color, 0.75), strokeWidth: 1.5 }} /></svg>`;
}

/** Places of connected points. @param {ReadonlyArray<number | null | undefined>} values */
function runsOf(values) {
  /** @type {number[][]} */
  const runs = [];
  let open = false;
  values.forEach((value, i) => {
    if (value === undefined) return;
    const good = typeof value === 'number' && Number.isFinite(value);
    if (good && !open) runs.push([i]);
    else if (good) runs[runs.length - 1].push(i);
    open = good;
  });
  return runs;
}
