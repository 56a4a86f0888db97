// Annotations on a plot: a line where something happened, a band while it lasted.
import { resolveColor, withAlpha } from '../lib/color.js';

/** @typedef {import('../lib/annotations.js').Mark} Mark */
/** @typedef {import('../vendor/uplot/uplot.js').default} Plot */

/** How near the pointer has to be to a line, px. */
const NEAR_PX = 5;
const FLAG_PX = 5;

/** @param {Plot} u @param {Mark[]} marks @param {import('../lib/color.js').Theme} theme @returns {number} how many were drawn */
export function drawMarks(u, marks, theme) {
  const { ctx, bbox } = u;
  const { left, top, width, height } = bbox;
  const ratio = devicePixelRatio;
  let drawn = 0;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  for (const mark of marks) {
    const [from, to] = [u.valToPos(mark.from, 'x', true), u.valToPos(mark.to, 'x', true)];
    if (to < left || from > left + width) continue;
    drawn += 1;
    const color = resolveColor(mark.color, theme);
    ctx.fillStyle = withAlpha(color, 0.07);
    if (to > from) ctx.fillRect(from, top, to - from, height);
    ctx.strokeStyle = withAlpha(color, 0.85);
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 3 * ratio]);
    for (const at of to > from ? [from, to] : [from]) {
      ctx.beginPath();
      ctx.moveTo(Math.round(at) + 0.5, top);
      ctx.lineTo(Math.round(at) + 0.5, top + height);
      ctx.stroke();
    }
    // A flag at the foot, so that it is not taken for the crosshair.
    ctx.fillStyle = color;
    ctx.beginPath();
    ctx.moveTo(from - FLAG_PX * ratio, top + height);
    ctx.lineTo(from + FLAG_PX * ratio, top + height);
    ctx.lineTo(from, top + height - FLAG_PX * 1.4 * ratio);
    ctx.fill();
  }
  ctx.restore();
  return drawn;
}

/** The marks under the pointer. @param {Plot | null} u @param {Mark[]} marks @param {number} time ms @returns {Mark[]} */
export function marksAt(u, marks, time) {
  if (!u || marks.length === 0) return [];
  const near = Math.abs(u.posToVal(NEAR_PX, 'x') - u.posToVal(0, 'x'));
  return marks.filter((mark) => time >= mark.from - near && time <= mark.to + near);
}
