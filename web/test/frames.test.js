// From panels to queries and from answers to columns: names, gaps, overrides, ids.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinPlans, panelTargets, planTargets, toFrames } from '../lib/frames.js';

const RANGE = { from: 1_000_000_123, to: 1_000_900_123, widthPx: 570, utcOffsetMs: 0, scrapeIntervalMs: 2000 };

/** @param {any} given */
function panel(given) {
  return { id: 7, type: 'timeseries', ...given };
}

/** @param {Record<string, string>} labels @param {any[]} values */
function series(labels, values) {
  return { labels, values };
}

test('missing refIds are given in order, used ones skipped', () => {
  const targets = [{ expr: 'a' }, { expr: 'b', refId: 'A' }, { expr: 'c' }, { expr: ' ' }, { expr: 'd', hide: true }, null];
  assert.deepEqual(panelTargets({ targets }).map((target) => [target.refId, target.json.expr]), [['B', 'a'], ['A', 'b'], ['C', 'c']]);
});

test('a plan holds final expressions on an aligned range', () => {
  const plan = planTargets(panel({ targets: [{ refId: 'A', expr: 'rate(x{i=~"$i"}[$__rate_interval]) # $__interval $__range' }] }), { ...RANGE, variables: { i: { value: ['a', 'b'], multi: true } } });
  assert.deepEqual(plan, { from: 1_000_000_000, to: 1_000_900_000, grain_ms: 2000, rounds_up: false, targets: [{ id: '7:A', expr: 'rate(x{i=~"(a|b)"}[8s]) # 2s 900s', step_ms: 2000, instant: false }] });
});

test('instant targets keep the end of the range; both kinds ask twice', () => {
  const plan = planTargets(panel({ targets: [{ refId: 'A', expr: 'x', instant: true }] }), RANGE);
  assert.deepEqual([plan.from, plan.to, plan.targets[0].instant], [RANGE.from, RANGE.to, true]);
  const both = planTargets(panel({ targets: [{ refId: 'A', expr: 'x', instant: true, range: true }] }), RANGE);
  assert.deepEqual(both.targets.map((target) => [target.id, target.instant]), [['7:A', false], ['7:A:instant', true]]);
});

test('the columns of a heatmap reach over the end of the range, whole steps do not', () => {
  const heat = { type: 'heatmap', maxDataPoints: 80, targets: [{ refId: 'A', expr: 'x', format: 'heatmap' }] };
  const { from, to, targets } = planTargets(panel(heat), RANGE);
  assert.deepEqual([targets[0].step_ms, from, to], [10_000, 1_000_000_000, 1_000_910_000]);
  assert.equal(planTargets(panel(heat), { ...RANGE, to: 1_000_900_000 }).to, 1_000_900_000);
  assert.equal(planTargets(panel({ ...heat, options: { calculate: true } }), RANGE).to, 1_000_900_000);
});

test('plans of several panels become one; ranges that differ stay with their targets', () => {
  const target = (/** @type {string} */ id) => ({ id, expr: 'x', step_ms: 10, instant: false });
  const joined = joinPlans([{ from: 0, to: 90, targets: [target('1:A'), target('1:B')] }, { from: 0, to: 80, targets: [target('2:A')] }, { from: 0, to: 90, targets: [] }]);
  assert.deepEqual(joined, { from: 0, to: 90, targets: [target('1:A'), target('1:B'), { ...target('2:A'), from: 0, to: 80 }] });
});

test('values beyond JSON, and nulls', () => {
  const frames = toFrames(panel({ targets: [{ refId: 'A', expr: 'x' }] }), [{ id: '7:A', start: 0, step: 10, count: 5, series: [series({}, [1, null, 'NaN', '+Inf', '-Inf'])] }]);
  assert.deepEqual(frames.fields[0].values, [1, null, NaN, Infinity, -Infinity]);
  assert.deepEqual(frames.x, [0, 10, 20, 30, 40]);
  assert.equal(frames.state.kind, 'ok');
});

test('different steps share one x; what a series has no point for is undefined, not a gap', () => {
  const frames = toFrames(panel({ targets: [{ refId: 'A', expr: 'x' }, { refId: 'B', expr: 'y' }] }), [
    { id: '7:A', start: 0, step: 10, count: 4, series: [series({}, [1, 2, null, 4])] },
    { id: '7:B', start: 0, step: 20, count: 2, series: [series({}, [5, null])] },
  ]);
  assert.deepEqual(frames.fields.map((field) => field.values), [[1, 2, null, 4], [5, undefined, null, undefined]]);
  assert.equal(frames.stepMs, 10);
});

/** @param {string | undefined} legendFormat @param {Array<Record<string, string>>} labels @param {string[]} expected */
function checkNames(legendFormat, labels, expected) {
  const frames = toFrames(panel({ targets: [{ refId: 'A', expr: 'sum(x)', legendFormat }] }), [{ id: '7:A', start: 0, step: 10, count: 1, series: labels.map((one) => series(one, [1])) }], { variables: { v: 'V' } });
  assert.deepEqual(frames.fields.map((field) => field.name), expected);
}

test('names', () => {
  checkNames('{{ a }}-{{missing}} $v', [{ a: '1' }], ['1- V']);
  checkNames(undefined, [{ __name__: 'up', b: '2', a: '1' }, {}], ['up{a="1", b="2"}', 'sum(x)']);
  checkNames('', [{ __name__: 'up' }], ['up']);
  checkNames('__auto', [{ a: '1' }, { a: '2' }], ['1', '2']);
  checkNames('__auto', [{ a: '1', b: '2' }], ['{a="1", b="2"}']);
  checkNames('same', [{ a: '1' }, { a: '2' }], ['same', 'same']);
});

test('overrides apply from top to bottom, the later one wins', () => {
  const fieldConfig = {
    defaults: { unit: 's', custom: { lineWidth: 1 } },
    overrides: [
      { matcher: { id: 'byName', options: 'one' }, properties: [{ id: 'unit', value: 'bytes' }, { id: 'custom.lineWidth', value: 3 }] },
      { matcher: { id: 'byRegexp', options: '/^(one|two)$/' }, properties: [{ id: 'unit', value: '' }, { id: 'displayName', value: '${__field.labels.n} $v' }] },
      { matcher: { id: 'byFrameRefID', options: 'B' }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: 'red' } }] },
      { matcher: { id: 'byNames', options: { mode: 'exclude', names: ['three'] } }, properties: [{ id: 'custom.hideFrom', value: { viz: true } }] },
      { matcher: { id: 'madeUp', options: 1 }, properties: [{ id: 'unit', value: 'never' }] },
    ],
  };
  const frames = toFrames(panel({ fieldConfig, targets: [{ refId: 'A', expr: 'x', legendFormat: '{{n}}' }, { refId: 'B', expr: 'y', legendFormat: 'three' }] }), [
    { id: '7:A', start: 0, step: 10, count: 1, series: [series({ n: 'one' }, [1]), series({ n: 'two' }, [1])] },
    { id: '7:B', start: 0, step: 10, count: 1, series: [series({}, [1])] },
  ], { variables: { v: 'V' } });
  const [one, two, three] = frames.fields;
  assert.deepEqual([one.name, one.config.unit, one.config.custom.lineWidth, one.config.custom.hideFrom.viz], ['one V', '', 3, true]);
  assert.deepEqual([two.name, two.config.custom.lineWidth], ['two V', 1]);
  assert.deepEqual([three.config.unit, three.config.color.fixedColor, three.config.custom.hideFrom], ['s', 'red', undefined]);
});

test('states: all failed, some failed, nothing there', () => {
  const targets = [{ refId: 'A', expr: 'x' }, { refId: 'B', expr: 'y' }];
  const failed = { error: { message: 'bad' } };
  const good = { start: 0, step: 10, count: 1, series: [series({}, [1])] };
  assert.deepEqual(toFrames(panel({ targets }), [{ id: '7:A', ...failed }, { id: '7:B', ...failed }]).state, { kind: 'error', message: 'bad' });
  const partly = toFrames(panel({ targets }), [{ id: '7:A', ...failed }, { id: '7:B', ...good }]);
  assert.deepEqual([partly.state.kind, partly.errors[0].refId], ['ok', 'A']);
  assert.equal(toFrames(panel({ targets }), []).state.kind, 'empty');
  assert.equal(toFrames(panel({ targets }), [{ id: '7:A', start: 0, step: 1, count: 1, series: [series({}, [null])] }]).state.kind, 'empty');
});

test('odd documents do not throw', () => {
  for (const odd of [{}, { targets: null }, { targets: [{ expr: null }] }, { fieldConfig: { overrides: [null, { matcher: null }] }, targets: [{ expr: 'x' }] }, { targets: [{ expr: 7 }] }]) {
    planTargets(odd, RANGE);
    toFrames(odd, [{ id: '0:A', start: 0, step: 1, count: 1, series: [series({}, [1])] }]);
  }
});
