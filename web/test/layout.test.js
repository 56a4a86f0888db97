import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPanel, isClosed, place, rects, rowSize, wholeDashboard } from '../lib/layout.js';

const panel = (id, x, y, w, h, more = {}) => ({ id, type: 'timeseries', gridPos: { x, y, w, h }, ...more });
const row = (id, y, more = {}) => ({ id, type: 'row', gridPos: { x: 0, y, w: 24, h: 1 }, ...more });

/** @param {any[]} panels @param {Map<number, boolean>} closed */
const places = (panels, closed = new Map()) => place(panels, closed).map(({ panel: p, x, y, w, h }) => [p.id, x, y, w, h]);

test('panels keep their places', () => {
  assert.deepEqual(places([panel(1, 0, 0, 12, 8), panel(2, 12, 0, 12, 8)]), [[1, 0, 0, 12, 8], [2, 12, 0, 12, 8]]);
});

test('holes close upward, overlaps part', () => {
  assert.deepEqual(places([panel(1, 0, 5, 12, 8), panel(2, 12, 30, 12, 8)]), [[1, 0, 0, 12, 8], [2, 12, 0, 12, 8]]);
  assert.deepEqual(places([panel(1, 0, 0, 12, 8), panel(2, 6, 2, 12, 8)]), [[1, 0, 0, 12, 8], [2, 6, 8, 12, 8]]);
});

test('a row is a floor: nothing rises past it', () => {
  assert.deepEqual(places([panel(1, 0, 0, 12, 8), row(9, 8), panel(2, 12, 9, 12, 8)]), [[1, 0, 0, 12, 8], [9, 0, 8, 24, 1], [2, 12, 9, 12, 8]]);
});

test('a shut row hides what follows it up to the next row', () => {
  const panels = [row(8, 0), panel(1, 0, 1, 24, 8), row(9, 9), panel(2, 0, 10, 24, 8)];
  assert.deepEqual(places(panels, new Map([[8, true]])), [[8, 0, 0, 24, 1], [9, 0, 1, 24, 1], [2, 0, 2, 24, 8]]);
  assert.equal(rowSize(panels[0], panels), 1);
});

test('a row saved shut shows its own panels when opened and pushes the rest down', () => {
  const shut = row(8, 0, { collapsed: true, panels: [panel(1, 0, 40, 12, 8), panel(2, 12, 40, 12, 4)] });
  const panels = [shut, panel(3, 0, 1, 24, 8)];
  assert.ok(isClosed(shut, new Map()));
  assert.equal(rowSize(shut, panels), 2);
  assert.deepEqual(places(panels), [[8, 0, 0, 24, 1], [3, 0, 1, 24, 8]]);
  assert.deepEqual(places(panels, new Map([[8, false]])), [[8, 0, 0, 24, 1], [1, 0, 1, 12, 8], [2, 12, 1, 12, 4], [3, 0, 9, 24, 8]]);
});

test('pixels are those of the grid', () => {
  const { rects: list, height } = rects(place([panel(1, 0, 0, 12, 8), panel(2, 12, 0, 12, 8)], new Map()), 1000);
  assert.deepEqual(list, [{ left: 0, top: 0, width: 496, height: 296 }, { left: 504, top: 0, width: 496, height: 296 }]);
  assert.equal(height, 296);
});

test('a narrow page has one column', () => {
  const { rects: list } = rects(place([panel(1, 0, 0, 12, 4), panel(2, 12, 0, 12, 6)], new Map()), 390);
  assert.deepEqual(list, [{ left: 0, width: 390, top: 0, height: 144 }, { left: 0, width: 390, top: 152, height: 258 }]);
});

test('small panels of one value stand in pairs on a narrow page, an odd one has the line', () => {
  const stat = (/** @type {number} */ id, /** @type {number} */ h = 4) => panel(id, id * 5, 0, 5, h, { type: 'stat' });
  const across = (/** @type {any[]} */ panels) => rects(place(panels, new Map()), 390).rects.map(({ left, width, top }) => [left, width, top]);
  assert.deepEqual(across([stat(0), stat(1), stat(2), panel(9, 0, 4, 12, 4)]), [[0, 191, 0], [199, 191, 0], [0, 390, 152], [0, 390, 304]]);
  assert.deepEqual(across([stat(0), stat(1, 3)]), [[0, 390, 0], [0, 390, 152]]);
});

test('documents with gaps are made whole', () => {
  const whole = wholeDashboard({ title: 'x', panels: [{ type: 'stat' }, { id: 3, type: 'stat', gridPos: { x: 20, y: '2', w: 40, h: 0 } }, { id: 3, type: 'stat' }, null] });
  assert.deepEqual(whole.panels.map((p) => p.id), [1, 3, 4]);
  assert.deepEqual(whole.panels[0].gridPos, { x: 0, y: 0, w: 12, h: 8 });
  assert.deepEqual(whole.panels[1].gridPos, { x: 0, y: 2, w: 24, h: 1 });
  assert.deepEqual(wholeDashboard(null).panels, []);
  assert.deepEqual(wholeDashboard({ panels: 'x', tags: null }).tags, []);
});

test('panels are found inside rows', () => {
  const panels = [row(8, 0, { panels: [panel(5, 0, 1, 12, 8)] })];
  assert.equal(findPanel(panels, 5)?.id, 5);
  assert.equal(findPanel(panels, 6), undefined);
});
