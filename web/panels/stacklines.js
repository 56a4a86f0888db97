// Lines of stacks, drawn once more from top to bottom: where a series adds nothing its line lies on that of the one below, and
// would hide it under its own colour, so that a page full of successes would look like one of failures.

/** @typedef {import('./model.js').PlotModel} PlotModel */
/** @typedef {import('../vendor/uplot/uplot.js').default} Plot */

/** @param {PlotModel} model @returns {((u: Plot) => void)[]} what draws on each frame; nothing where nothing is stacked */
export function stackLines(model) {
  const places = model.series.flatMap(({ below, style, width, hidden }, i) => (below >= 0 && style === 'line' && width > 0 && !hidden ? [i, below] : []));
  const lines = [...new Set(places)].filter((i) => i < model.series.length).sort((a, b) => b - a);
  return lines.length === 0 ? [] : [(u) => lines.forEach((i) => drawLine(u, i + 1, model.series[i]))];
}

/** @param {Plot} u @param {number} at @param {import('./model.js').PlotSeries} series */
function drawLine({ ctx, bbox, series }, at, { color, dash, style, width }) {
  const { _paths: paths, alpha, show } = /** @type {any} */ (series[at]);
  if (!paths?.stroke || !show || style !== 'line') return;
  const px = Math.round(width * devicePixelRatio * 1000) / 1000;
  const offset = (px % 2) / 2;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.translate(offset, offset);
  if (paths.clip) ctx.clip(paths.clip);
  ctx.globalAlpha = alpha ?? 1;
  ctx.strokeStyle = color;
  ctx.lineWidth = px;
  ctx.lineJoin = 'round';
  ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  ctx.stroke(paths.stroke);
  ctx.restore();
}
