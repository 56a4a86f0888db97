// Thresholds on a plot: lines, dashed lines and areas; a line that lies above the drawn range is named at the edge instead of being lost.
import { extentOf } from '../lib/display.js';
import { TOKENS, resolveColor, withAlpha } from '../lib/color.js';
import { absoluteSteps } from '../lib/thresholds.js';
import { formatTick } from '../lib/units.js';

/** @typedef {import('./model.js').PlotModel} PlotModel */
/** @typedef {import('./model.js').PlotScale} PlotScale */
/** @typedef {import('../lib/color.js').Theme} Theme */

const AREA_ALPHA = 0.08;
const FONT_PX = 11;

/**
 * @param {PlotModel} model
 * @param {Theme} theme
 * @returns {import('../vendor/uplot/uplot.js').default.Hooks.Arrays}
 */
export function thresholdHooks(model, theme) {
  const scales = model.scales.filter((scale) => /line|dashed|area/.test(scale.thresholds));
  return {
    drawAxes: [
      (u) =>
        scales.filter((scale) => scale.thresholds.includes('area')).forEach((scale) => drawAreas(u, scale, stepsOf(scale, model), theme)),
    ],
    draw: [
      (u) =>
        scales
          .filter((scale) => /line|dashed/.test(scale.thresholds))
          .forEach((scale) => drawLines(u, scale, stepsOf(scale, model), theme)),
    ],
  };
}

/** @param {PlotScale} scale @param {PlotModel} model */
function stepsOf(scale, model) {
  const { thresholds, min, max } = scale.field.config;
  const extent = extentOf(model.series.map((series) => series.field)) ?? { min: 0, max: 100 };
  return absoluteSteps(thresholds, min ?? extent.min, max ?? extent.max);
}

/** @typedef {import('../vendor/uplot/uplot.js').default} Plot */
/** @typedef {import('../lib/thresholds.js').Step} Step */

/** @param {Plot} u @param {PlotScale} scale @param {Step[]} steps @param {Theme} theme */
function drawAreas(u, scale, steps, theme) {
  const { left, top, width, height } = u.bbox;
  const clamp = (/** @type {number} */ y) => Math.min(top + height, Math.max(top, y));
  steps.forEach((step, i) => {
    const color = resolveColor(step.color, theme);
    const low = Number.isFinite(step.value) ? clamp(u.valToPos(step.value, scale.key, true)) : top + height;
    const next = steps[i + 1];
    const high = next ? clamp(u.valToPos(next.value, scale.key, true)) : top;
    u.ctx.fillStyle = withAlpha(color, AREA_ALPHA);
    u.ctx.fillRect(left, high, width, low - high);
  });
}

/** @param {Plot} u @param {PlotScale} scale @param {Step[]} steps @param {Theme} theme */
function drawLines(u, scale, steps, theme) {
  const { min, max } = u.scales[scale.key];
  let namedAbove = false;
  for (const step of steps) {
    if (!Number.isFinite(step.value) || min === undefined || max === undefined || min === null || max === null) continue;
    const color = resolveColor(step.color, theme);
    if (step.value >= min && step.value <= max)
      drawLine(u, u.valToPos(step.value, scale.key, true), color, scale.thresholds.includes('dashed'));
    else if (step.value > max && !namedAbove) {
      namedAbove = true;
      nameAbove(u, `${formatTick(step.value, scale.field.config.unit)} ↑`, color, theme);
    }
  }
}

/** @param {Plot} u @param {number} y @param {string} color @param {boolean} dashed */
function drawLine(u, y, color, dashed) {
  const { left, width } = u.bbox;
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash(dashed ? [6 * devicePixelRatio, 5 * devicePixelRatio] : []);
  ctx.moveTo(left, Math.round(y) + 0.5);
  ctx.lineTo(left + width, Math.round(y) + 0.5);
  ctx.stroke();
  ctx.restore();
}

/** The next threshold out of sight, on a ground of its own: a grid line may run there. @param {Plot} u @param {string} text @param {string} color @param {Theme} theme */
function nameAbove(u, text, color, theme) {
  const { left, top, width } = u.bbox;
  const { ctx } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${FONT_PX * ratio}px system-ui, sans-serif`;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'top';
  const ground = ctx.measureText(text).width + 8 * ratio;
  ctx.fillStyle = TOKENS[theme].surface;
  ctx.fillRect(left + width - ground, top - 4 * ratio, ground, (FONT_PX + 10) * ratio);
  ctx.fillStyle = color;
  ctx.fillText(text, left + width - 4 * ratio, top + 3 * ratio);
  ctx.restore();
}
