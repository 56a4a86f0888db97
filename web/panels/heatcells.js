// The cells of a heatmap on the canvas, and the scale that gives a count its colour.
import { heatmapPalette, readableOn, resolveColor, withAlpha } from '../lib/color.js';

/** @typedef {import('../lib/buckets.js').Heat} Heat */
/** @typedef {import('../lib/color.js').Theme} Theme */
/** @typedef {import('../vendor/uplot/uplot.js').default} Plot */

/**
 * @typedef {object} Colours
 * @property {string[]} palette
 * @property {number} min
 * @property {number} max
 * @property {number} cells   how many there are to paint
 * @property {(value: number) => number} placeOf  0…1 on the bar
 * @property {(place: number) => number} valueAt  the other way round
 */

const STEPS = 64;
/** From brightest to darkest on a logarithmic bar: without it one cell with a fraction of a count would darken all others. */
const LOG_SPAN_MAX = 300;
/** Narrower cells touch: gaps would outweigh the colour, px. */
const GAP_FROM_PX = 7;

/**
 * @param {any} panel
 * @param {{min: number, max: number, cells: number}} painted
 * @param {Theme} theme
 * @param {boolean} isLog
 * @returns {Colours}
 */
export function readColours(panel, painted, theme, isLog) {
  const color = panel?.options?.color ?? {};
  const steps = Number(color.steps) > 1 ? Math.min(256, Number(color.steps)) : STEPS;
  const max = limit(color.max, painted.max);
  const min = limit(color.min, isLog ? Math.max(painted.min, max / LOG_SPAN_MAX) : painted.min);
  const palette =
    color.mode === 'opacity' ? opacities(color, steps, theme) : heatmapPalette(color.scheme, steps, theme, color.reverse === true);
  if (isLog && min > 0 && max > min) {
    const [low, span] = [Math.log(min), Math.log(max) - Math.log(min)];
    return {
      palette,
      min,
      max,
      cells: painted.cells,
      placeOf: (value) => clamp((Math.log(value) - low) / span),
      valueAt: (place) => Math.exp(low + place * span),
    };
  }
  return {
    palette,
    min,
    max,
    cells: painted.cells,
    placeOf: (value) => (max > min ? clamp((value - min) / (max - min)) : 1),
    valueAt: (place) => min + place * (max - min),
  };
}

/** @param {unknown} given @param {number} otherwise */
function limit(given, otherwise) {
  return given !== null && given !== undefined && given !== '' && Number.isFinite(Number(given)) ? Number(given) : otherwise;
}

/** @param {number} value */
function clamp(value) {
  return Math.min(1, Math.max(0, value));
}

/** @param {any} color @param {number} steps @param {Theme} theme */
function opacities(color, steps, theme) {
  const exponent = color.scale === 'linear' ? 1 : Number(color.exponent) || 0.5;
  const fill = resolveColor(color.fill ?? 'dark-orange', theme);
  return Array.from({ length: steps }, (_, i) => withAlpha(fill, Math.max(0.04, (i / (steps - 1)) ** exponent)));
}

/**
 * @param {Colours} colours
 * @param {number} value
 * @returns {string}
 */
export function colourOf({ palette, placeOf }, value) {
  return palette[Math.min(palette.length - 1, Math.floor(placeOf(value) * palette.length))];
}

/** Cells below this size have no room for their count, px. */
const WORDS_FROM_PX = { width: 34, height: 16 };

/**
 * Writes each count into its cell.
 * @param {Plot} u
 * @param {Heat} heat
 * @param {Colours} colours
 * @param {number} above
 * @param {(count: number) => string} textOf
 */
export function drawCounts(u, heat, colours, above, textOf) {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  heat.rows.forEach((row, i) => {
    const [y0, y1] = [u.valToPos(i, 'y', true), u.valToPos(i + 1, 'y', true)];
    row.counts.forEach((count, at) => {
      const [x0, x1] = [u.valToPos(heat.x[at] - heat.stepMs, 'x', true), u.valToPos(heat.x[at], 'x', true)];
      if (typeof count !== 'number' || count <= above || x1 - x0 < WORDS_FROM_PX.width * ratio || Math.abs(y1 - y0) < WORDS_FROM_PX.height * ratio) return;
      ctx.fillStyle = readableOn(colourOf(colours, count));
      ctx.fillText(textOf(count), (x0 + x1) / 2, (y0 + y1) / 2);
    });
  });
  ctx.restore();
}

/**
 * Paints every cell in sight and says how many there were.
 * @param {Plot} u
 * @param {Heat} heat
 * @param {Colours} colours
 * @param {number} above  counts up to this are left blank
 * @param {number} gapPx  between cells, CSS px
 * @returns {number}
 */
export function drawCells(u, heat, colours, above, gapPx) {
  const { ctx, bbox } = u;
  const right = bbox.left + bbox.width;
  const tops = heat.rows.map((_, i) => [u.valToPos(i + 1, 'y', true), u.valToPos(i, 'y', true)].map(Math.round).sort((a, b) => a - b));
  let painted = 0;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (let at = 0; at < heat.x.length; at++) {
    const x0 = Math.round(u.valToPos(heat.x[at] - heat.stepMs, 'x', true));
    const x1 = Math.round(u.valToPos(heat.x[at], 'x', true));
    if (x1 <= bbox.left || x0 >= right) continue;
    const gap = x1 - x0 >= GAP_FROM_PX * devicePixelRatio ? Math.round(gapPx * devicePixelRatio) : 0;
    for (let row = 0; row < heat.rows.length; row++) {
      const count = heat.rows[row].counts[at];
      if (count === null || count === undefined || count <= above) continue;
      const [y0, y1] = tops[row];
      const gapY = y1 - y0 >= GAP_FROM_PX * devicePixelRatio ? Math.round(gapPx * devicePixelRatio) : 0;
      ctx.fillStyle = colourOf(colours, count);
      ctx.fillRect(x0, y0, Math.max(1, x1 - x0 - gap), Math.max(1, y1 - y0 - gapY));
      painted += 1;
    }
  }
  ctx.restore();
  return painted;
}
