// Dashboards of old files keep their panels in `rows`; this lays them out as panels with places, as Grafana did when
// it moved to the grid (dashboard specification, part 2). Pure.

/** Height of a grid row with its gap. */
const CELL_PX = 38;
const ROW_PX_MIN = 90;
const ROW_PX_DEFAULT = 250;
const COLUMNS = 24;

/** Spans are of twelve; a panel without one takes four. */
const SPAN_DEFAULT = 4;

/**
 * The panels of a document, whichever way it keeps them.
 * @param {any} raw
 * @returns {any[]}
 */
export function panelsOf(raw) {
  if (Array.isArray(raw?.panels) && raw.panels.length > 0) return raw.panels;
  const rows = Array.isArray(raw?.rows) ? raw.rows.filter(Boolean) : [];
  const hasHeads = rows.some((/** @type {any} */ row) => row.collapse || row.showTitle || row.repeat);
  /** @type {any[]} */
  const out = [];
  let y = 0;
  for (const row of rows) {
    const { panels, bottom } = fill(row, hasHeads ? y + 1 : y);
    const head = { type: 'row', title: row.title, collapsed: row.collapse === true, repeat: row.repeat, gridPos: { x: 0, y, w: COLUMNS, h: 1 } };
    if (hasHeads) out.push(row.collapse ? { ...head, panels } : { ...head, panels: [] });
    if (!row.collapse) out.push(...panels);
    y = row.collapse ? y + 1 : bottom;
  }
  return out;
}

/** Fills a row from left to right, wrapping below. @param {any} row @param {number} top */
function fill(row, top) {
  const height = cells(row.height, ROW_PX_DEFAULT);
  let x = 0;
  let y = top;
  const panels = (Array.isArray(row.panels) ? row.panels : []).filter(Boolean).map((/** @type {any} */ panel) => {
    const w = Math.min(COLUMNS, Math.max(1, Math.floor(Number(panel.span) || SPAN_DEFAULT) * 2));
    if (x + w > COLUMNS) {
      x = 0;
      y += height;
    }
    const gridPos = { x, y, w, h: panel.height === undefined || panel.height === null || panel.height === '' ? height : cells(panel.height, ROW_PX_DEFAULT) };
    x += w;
    return { ...panel, gridPos };
  });
  return { panels, bottom: y + height };
}

/** Grid rows of a height as files have it: `250px`, `"250"`, 250. @param {unknown} height @param {number} otherwise px */
function cells(height, otherwise) {
  const px = parseFloat(String(height ?? ''));
  return Math.ceil(Math.max(Number.isFinite(px) ? px : otherwise, ROW_PX_MIN) / CELL_PX);
}
