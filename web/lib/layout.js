// Dashboard documents made whole, and where their panels go on the grid of 24 columns. Pure.
// Cell sizes are Grafana's: rows of 30 px, gaps of 8 px, so that a dashboard looks the same in both.

import { isDashboardSource } from './datasource.js';
import { panelsOf } from './oldrows.js';

/** @typedef {import('./types.d.ts').PanelJson} PanelJson */
/** @typedef {import('./types.d.ts').DashboardJson} DashboardJson */
/** @typedef {{panel: PanelJson, x: number, y: number, w: number, h: number}} Placed */
/** @typedef {{left: number, top: number, width: number, height: number}} Rect */

export const COLUMNS = 24;
export const ROW_PX = 30;
export const GAP_PX = 8;

/** Below this width panels stand in one column. */
export const ONE_COLUMN_PX = 768;

/** Least height of a panel in one column, in grid rows: a graph below it has no room for its legend. */
const ONE_COLUMN_ROWS_MIN = 7;

/** A panel whose place is missing gets this size at the end. */
const DEFAULT_SIZE = { w: 12, h: 8 };

/**
 * Closes the gaps a document may have: ids missing or repeated, places missing or out of range.
 * @param {any} raw
 * @returns {DashboardJson}
 */
export function wholeDashboard(raw) {
  const taken = new Set();
  // Copies that `repeat` once made and saved are made anew.
  const panels = panelsOf(raw).filter((/** @type {any} */ p) => p && typeof p === 'object' && !Number.isInteger(p.repeatPanelId));
  return {
    ...raw,
    uid: String(raw?.uid ?? ''),
    title: String(raw?.title ?? 'Untitled'),
    tags: Array.isArray(raw?.tags) ? raw.tags.map(String) : [],
    graphTooltip: raw?.graphTooltip ?? (raw?.sharedCrosshair === true ? 1 : 0),
    panels: borrowed(wholePanels(panels, taken)),
  };
}

/** Panels that show another panel's data ask its queries themselves; the same query of two panels is evaluated once. @param {PanelJson[]} panels */
function borrowed(panels) {
  /** @type {(panel: PanelJson) => PanelJson} */
  const change = (panel) => {
    const inner = panel.panels ? { ...panel, panels: panel.panels.map(change) } : panel;
    const [first] = Array.isArray(panel.targets) ? panel.targets : [];
    if (!isDashboardSource(panel.datasource) && !isDashboardSource(first?.datasource)) return inner;
    const source = findPanel(panels, Number(first?.panelId));
    if (!source || source === panel) return inner;
    const own = Array.isArray(panel.transformations) ? panel.transformations : [];
    const theirs = first.withTransforms === true && Array.isArray(source.transformations) ? source.transformations : [];
    return { ...inner, datasource: source.datasource, targets: source.targets, interval: source.interval, maxDataPoints: source.maxDataPoints, transformations: [...theirs, ...own] };
  };
  return panels.map(change);
}

/** @param {any[]} panels @param {Set<number>} taken @returns {PanelJson[]} */
function wholePanels(panels, taken) {
  let bottom = 0;
  return panels.map((panel) => {
    const size = panel.type === 'row' ? { w: COLUMNS, h: 1 } : DEFAULT_SIZE;
    const pos = panel.gridPos ?? { x: 0, y: bottom, ...size };
    const w = clamp(number(pos.w, size.w), 1, COLUMNS);
    const gridPos = { x: clamp(number(pos.x, 0), 0, COLUMNS - w), y: Math.max(0, number(pos.y, bottom)), w, h: Math.max(1, number(pos.h, size.h)) };
    bottom = Math.max(bottom, gridPos.y + gridPos.h);
    const id = freeId(Number(panel.id), taken);
    const inner = Array.isArray(panel.panels) ? wholePanels(panel.panels.filter(Boolean), taken) : undefined;
    return { ...panel, id, type: String(panel.type ?? ''), gridPos, ...perRow(panel), ...(inner ? { panels: inner } : {}) };
  });
}

/** Copies were once told how narrow they may get; now how many stand side by side. @param {any} panel */
function perRow({ minSpan, maxPerRow }) {
  if (maxPerRow !== undefined || !(Number(minSpan) > 0)) return {};
  return { maxPerRow: [24, 12, 8, 6, 4, 3, 2, 1].find((count) => count <= COLUMNS / Number(minSpan)) ?? 1 };
}

/** @param {number} wanted @param {Set<number>} taken */
function freeId(wanted, taken) {
  let id = Number.isInteger(wanted) && wanted > 0 ? wanted : 1;
  while (taken.has(id)) id += 1;
  taken.add(id);
  return id;
}

/** @param {unknown} value @param {number} otherwise */
const number = (value, otherwise) => (Number.isFinite(Number(value)) && value !== null && value !== '' ? Math.round(Number(value)) : otherwise);

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * The panels to show and their places, rows opened or closed, holes closed upward.
 * @param {PanelJson[]} panels
 * @param {Map<number, boolean>} closed rows the reader opened (false) or closed (true); others are as saved
 * @returns {Placed[]}
 */
export function place(panels, closed) {
  return compact(shown(panels, closed));
}

/** @param {PanelJson} row @param {Map<number, boolean>} closed */
export const isClosed = (row, closed) => closed.get(row.id) ?? row.collapsed === true;

/** How many panels a row holds, wherever the file keeps them. @param {PanelJson} row @param {PanelJson[]} panels */
export function rowSize(row, panels) {
  if (row.panels && row.panels.length > 0) return row.panels.length;
  const rest = inOrder(panels);
  const start = rest.indexOf(row) + 1;
  const end = rest.findIndex((panel, at) => at >= start && panel.type === 'row');
  return (end === -1 ? rest.length : end) - start;
}

/** @param {PanelJson[]} panels */
const inOrder = (panels) => [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);

/**
 * Walks from top to bottom. A closed row hides what follows it up to the next row; children kept inside a
 * row have places from when they were saved, so they move with their row.
 * @param {PanelJson[]} panels
 * @param {Map<number, boolean>} closed
 * @returns {Placed[]}
 */
function shown(panels, closed) {
  /** @type {Placed[]} */
  const out = [];
  let hiding = false;
  let down = 0;
  for (const panel of inOrder(panels)) {
    const pos = panel.gridPos;
    if (panel.type !== 'row') {
      if (!hiding) out.push({ panel, ...pos, y: pos.y + down });
      continue;
    }
    const y = pos.y + down;
    out.push({ panel, x: 0, y, w: COLUMNS, h: 1 });
    const children = panel.panels ?? [];
    // A row saved closed holds its panels itself; whatever follows it then is not its own.
    const isShut = isClosed(panel, closed);
    hiding = isShut && children.length === 0;
    if (isShut || children.length === 0) continue;
    const top = Math.min(...children.map((child) => child.gridPos.y));
    for (const child of inOrder(children)) out.push({ panel: child, ...child.gridPos, y: y + 1 + child.gridPos.y - top });
    down += Math.max(...children.map((child) => child.gridPos.y + child.gridPos.h)) - top;
  }
  return out;
}

/** Lets every panel rise until it meets another; rows are floors, so nothing rises past one. @param {Placed[]} placed */
function compact(placed) {
  /** @type {Placed[]} */
  const out = [];
  const height = new Array(COLUMNS).fill(0);
  for (const item of [...placed].sort((a, b) => a.y - b.y || a.x - b.x)) {
    const span = item.panel.type === 'row' ? height : height.slice(item.x, item.x + item.w);
    const y = Math.max(0, ...span);
    for (let x = item.x; x < item.x + item.w; x += 1) height[x] = y + item.h;
    out.push({ ...item, y });
  }
  return out;
}

/** Kinds of panels that say one thing and need little room for it. */
const ONE_VALUE = ['stat', 'gauge'];

/**
 * Pixels of each place, and the height of all.
 * @param {Placed[]} placed
 * @param {number} width of the grid in px
 * @returns {{rects: Rect[], height: number}}
 */
export function rects(placed, width) {
  const list = width < ONE_COLUMN_PX ? stacked(placed, width) : placed.map((item) => cell(item, width));
  return { rects: list, height: Math.max(0, ...list.map((r) => r.top + r.height)) };
}

/** @param {Placed} item @param {number} width @returns {Rect} */
function cell(item, width) {
  const column = (width - (COLUMNS - 1) * GAP_PX) / COLUMNS;
  const left = Math.round(item.x * (column + GAP_PX));
  const right = Math.round((item.x + item.w) * (column + GAP_PX) - GAP_PX);
  return { left, width: right - left, top: item.y * (ROW_PX + GAP_PX), height: item.h * (ROW_PX + GAP_PX) - GAP_PX };
}

/**
 * One below the other; small panels of one value that follow each other stand two in a line.
 * @param {Placed[]} placed @param {number} width @returns {Rect[]}
 */
function stacked(placed, width) {
  let top = 0;
  /** Whether the panel before waits for a neighbour. */
  let isHalf = false;
  const half = Math.floor((width - GAP_PX) / 2);
  return placed.map((item, at) => {
    const rows = item.panel.type === 'row' || item.h < 5 ? item.h : Math.max(item.h, ONE_COLUMN_ROWS_MIN);
    const height = rows * (ROW_PX + GAP_PX) - GAP_PX;
    const pairs = isSmall(item) && (isHalf || isSmall(placed[at + 1], item.h));
    const rect = { left: isHalf ? width - half : 0, width: pairs ? half : width, top, height };
    isHalf = pairs && !isHalf;
    if (!isHalf) top += height + GAP_PX;
    return rect;
  });
}

/** @param {Placed | undefined} item @param {number} [h] as high as this */
function isSmall(item, h = item?.h) {
  return item !== undefined && ONE_VALUE.includes(item.panel.type) && item.w <= COLUMNS / 3 && item.h === h;
}

/** The panel with an id, wherever it is. @param {PanelJson[]} panels @param {number} id @returns {PanelJson | undefined} */
export function findPanel(panels, id) {
  for (const panel of panels) {
    const found = panel.id === id ? panel : findPanel(panel.panels ?? [], id);
    if (found) return found;
  }
  return undefined;
}
