import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandRepeats } from '../lib/repeat.js';
import { panelsOf } from '../lib/oldrows.js';

const panel = (id, x, y, w, h, more = {}) => ({ id, type: 'stat', gridPos: { x, y, w, h }, ...more });
const row = (id, y, more = {}) => ({ id, type: 'row', gridPos: { x: 0, y, w: 24, h: 1 }, ...more });
const variable = (selected, values = ['a', 'b', 'c']) => ({ name: 'v', options: values.map((value) => ({ text: value, value })), selected });

/** Places with the value each copy stands for. @param {any[]} list */
const brief = (list) => list.map((p) => [p.type === 'row' ? 'row' : 'panel', p.scopedVars?.v?.value ?? '-', p.gridPos.x, p.gridPos.y, p.gridPos.w, p.gridPos.h]);

test('nothing to repeat is left alone', () => {
  const panels = [panel(1, 0, 0, 12, 8)];
  assert.equal(expandRepeats(panels, []), panels);
});

test('copies beside each other push what is below', () => {
  const list = expandRepeats([panel(1, 0, 0, 12, 8, { repeat: 'v' }), panel(2, 0, 8, 24, 4)], [variable(['$__all'], ['a', 'b', 'c', 'd', 'e'])]);
  assert.deepEqual(brief(list), [['panel', 'a', 0, 0, 6, 8], ['panel', 'b', 6, 0, 6, 8], ['panel', 'c', 12, 0, 6, 8], ['panel', 'd', 18, 0, 6, 8], ['panel', 'e', 0, 8, 6, 8], ['panel', '-', 0, 16, 24, 4]]);
  assert.equal(new Set(list.map((p) => p.id)).size, 6);
});

test('copies below each other', () => {
  const list = expandRepeats([panel(1, 3, 0, 6, 4, { repeat: 'v', repeatDirection: 'v' })], [variable(['b', 'c'])]);
  assert.deepEqual(brief(list), [['panel', 'b', 3, 0, 6, 4], ['panel', 'c', 3, 4, 6, 4]]);
});

test('a row repeats with all it holds, open or shut', () => {
  const open = expandRepeats([row(9, 0, { repeat: 'v' }), panel(1, 0, 1, 12, 8), panel(2, 12, 1, 12, 8)], [variable(['a', 'b'])]);
  assert.deepEqual(brief(open), [['row', 'a', 0, 0, 24, 1], ['panel', 'a', 0, 1, 12, 8], ['panel', 'a', 12, 1, 12, 8], ['row', 'b', 0, 9, 24, 1], ['panel', 'b', 0, 10, 12, 8], ['panel', 'b', 12, 10, 12, 8]]);
  const shut = expandRepeats([row(9, 0, { repeat: 'v', collapsed: true, panels: [panel(1, 0, 1, 12, 8)] }), panel(2, 0, 1, 24, 8)], [variable(['a', 'b'])]);
  assert.deepEqual(brief(shut), [['row', 'a', 0, 0, 24, 1], ['row', 'b', 0, 1, 24, 1], ['panel', '-', 0, 2, 24, 8]]);
  assert.deepEqual(shut.slice(0, 2).map((r) => r.panels.map((p) => p.scopedVars.v.value)), [['a'], ['b']]);
});

test('a variable that is gone or empty leaves one panel as it was', () => {
  for (const variables of [[], [variable([''], [])]]) {
    assert.deepEqual(brief(expandRepeats([panel(1, 2, 0, 12, 8, { repeat: 'v' })], variables)), [['panel', '-', 2, 0, 12, 8]]);
  }
});

test('old rows become places', () => {
  const places = (raw) => panelsOf(raw).map((p) => [p.type, p.gridPos.x, p.gridPos.y, p.gridPos.w, p.gridPos.h]);
  assert.deepEqual(places({ rows: [{ height: '250px', panels: [{ type: 'graph', span: 6 }, { type: 'graph', span: 6 }] }, { height: 100, panels: [{ type: 'text' }] }] }), [['graph', 0, 0, 12, 7], ['graph', 12, 0, 12, 7], ['text', 0, 7, 8, 3]]);
  assert.deepEqual(places({ rows: [{ showTitle: true, panels: [{ type: 'graph', span: 8 }, { type: 'graph', span: 8 }] }, { panels: [{ type: 'x', height: '10' }] }] }), [['row', 0, 0, 24, 1], ['graph', 0, 1, 16, 7], ['graph', 0, 8, 16, 7], ['row', 0, 15, 24, 1], ['x', 0, 16, 8, 3]]);
  const [shut] = panelsOf({ rows: [{ collapse: true, panels: [{ type: 'graph' }] }] });
  assert.equal(shut.collapsed, true);
  assert.equal(shut.panels.length, 1);
  assert.deepEqual(panelsOf({ rows: 'x' }), []);
});
