import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesOf, draftOf, hasFields, replacedPanel, thresholdProblem, withChanges } from '../lib/paneledit.js';

const gridPos = { x: 0, y: 0, w: 1, h: 1 };
const panel = {
  id: 1, type: 'stat', title: 'T', gridPos,
  targets: [{ refId: 'A', expr: 'a' }, { refId: 'B' }, { refId: 'C', expr: 'c' }],
  fieldConfig: { defaults: { unit: 's', thresholds: { mode: 'percentage', steps: [{ color: 'green', value: null }, { color: 'red', value: 80 }] } }, overrides: [{ x: 1 }] },
};

test('only what changed is sent', () => {
  const before = draftOf(panel);
  assert.deepEqual(changesOf(before, draftOf(panel)), {});
  const now = { ...before, title: 'U', queries: before.queries.map((query) => (query.refId === 'C' ? { ...query, expr: 'cc' } : query)) };
  assert.deepEqual(changesOf(before, now), { title: 'U', queries: { 2: 'cc' } });
  assert.deepEqual(changesOf(before, { ...before, thresholds: before.thresholds.slice(0, 1) }), { thresholds: [{ value: null, color: 'green' }] });
});

test('the panel as it would be keeps everything else', () => {
  const next = withChanges(panel, { title: 'U', unit: 'ms', thresholds: [{ value: null, color: 'blue' }], queries: { 2: 'cc' } });
  assert.deepEqual(next.targets, [{ refId: 'A', expr: 'a' }, { refId: 'B' }, { refId: 'C', expr: 'cc' }]);
  assert.deepEqual(next.fieldConfig.overrides, [{ x: 1 }]);
  assert.deepEqual(next.fieldConfig.defaults, { unit: 'ms', thresholds: { mode: 'percentage', steps: [{ value: null, color: 'blue' }] } });
  assert.equal(panel.title, 'T');
  assert.deepEqual(withChanges({ id: 2, type: 'stat', gridPos }, { unit: 's' }).fieldConfig, { overrides: [], defaults: { unit: 's' } });
});

test('thresholds that make no sense are named', () => {
  assert.equal(thresholdProblem([]), '');
  assert.equal(thresholdProblem([{ value: null, color: 'a' }, { value: 1, color: 'b' }, { value: 2, color: 'c' }]), '');
  assert.match(thresholdProblem([{ value: null, color: 'a' }, { value: null, color: 'b' }]), /number/);
  assert.match(thresholdProblem([{ value: null, color: 'a' }, { value: 2, color: 'b' }, { value: 2, color: 'c' }]), /above/);
});

test('a panel is replaced wherever it lies', () => {
  const inRow = [{ id: 5, type: 'row', gridPos, panels: [panel] }];
  assert.equal(replacedPanel(inRow, 1, { ...panel, title: 'U' })[0].panels?.[0].title, 'U');
  assert.ok(!hasFields({ ...panel, type: 'graph' }) && hasFields(panel));
});
