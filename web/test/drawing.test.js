// What panels draw, before the canvas: heat cells, stacks, scales, lone points, tables, Markdown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paintedRange, toHeat } from '../lib/buckets.js';
import { toFrames } from '../lib/frames.js';
import { safeUrl } from '../lib/markdown.js';
import { parseRich } from '../lib/richtext.js';
import { stackColumns } from '../lib/stack.js';
import { valueRange } from '../panels/axes.js';
import { isolatedPoints, plotModel } from '../panels/model.js';
import { reducedFields } from '../panels/reduced.js';
import { isolate, toggle } from '../panels/legend.js';

/** @param {any} panel @param {Array<[Record<string, string>, Array<number | null>]>} list */
function framesOf(panel, list) {
  const full = { id: 1, targets: [{ refId: 'A', expr: 'x', legendFormat: '{{n}}', ...panel.target }], ...panel };
  return toFrames(full, [{ id: '1:A', start: 0, step: 10, count: list[0][1].length, series: list.map(([labels, values]) => ({ labels, values })) }]);
}

test('cumulative buckets become counts, sorted by bound, with a bucket missing at one time', () => {
  const heat = toHeat(framesOf({ type: 'heatmap', target: { format: 'heatmap' } }, [
    [{ le: '+Inf' }, [10, 10, 4]], [{ le: '0.5' }, [7, 7, 4]], [{ le: '0.1' }, [5, null, 4 + 1e-12]],
  ]));
  assert.deepEqual(heat.rows.map((row) => [row.lowText, row.highText]), [['0', '0.1'], ['0.1', '0.5'], ['0.5', '+Inf']]);
  assert.deepEqual(heat.rows.map((row) => row.counts), [[5, null, 4 + 1e-12], [2, 7, 0], [3, 3, 0]]);
  assert.deepEqual(heat.totals.map((total) => Math.round(total ?? -1)), [10, 10, 4]);
  assert.deepEqual(paintedRange(heat, 1e-9), { min: 2, max: 7, cells: 6 });
});

test('bounds are compared as numbers, other labels are added up', () => {
  const heat = toHeat(framesOf({ type: 'heatmap', target: { format: 'heatmap' } }, [
    [{ le: '1e+06', i: 'a' }, [3]], [{ le: '1000000', i: 'b' }, [4]], [{ le: '5', i: 'a' }, [1]], [{ le: '+Inf', i: 'a' }, [9]],
  ]));
  assert.deepEqual(heat.rows.map((row) => row.counts[0]), [1, 6, 2]);
});

test('format time_series: rows are buckets already', () => {
  const heat = toHeat(framesOf({ type: 'heatmap' }, [[{ n: '10' }, [3]], [{ n: '5' }, [4]]]));
  assert.deepEqual(heat.rows.map((row) => [row.highText, row.counts[0]]), [['5', 4], ['10', 3]]);
});

test('rows named by their lower bound', () => {
  const heat = toHeat(framesOf({ type: 'heatmap' }, [[{ n: '10' }, [3]], [{ n: '5' }, [4]]]), { rowsFrame: { layout: 'ge' } });
  assert.deepEqual(heat.rows.map((row) => [row.lowText, row.highText, row.counts[0]]), [['5', '10', 4], ['10', '+Inf', 3]]);
});

test('calculate: plain values are counted in nice buckets', () => {
  const frames = { ...framesOf({ type: 'heatmap' }, [[{ n: 'a' }, [1, 12, 29, null]], [{ n: 'b' }, [1, 1, NaN, 29]]]), from: 0, to: 30 };
  const heat = toHeat(frames, { calculate: true, calculation: { xBuckets: { mode: 'count', value: 3 }, yBuckets: { mode: 'size', value: 10 } } });
  assert.deepEqual(heat.rows.map((row) => [row.lowText, row.highText, row.counts]), [['0', '10', [3, 0, 0]], ['10', '20', [1, 0, 0]], ['20', '30', [0, 1, 1]]]);
  assert.deepEqual(heat.x, [10, 20, 30]);
  assert.deepEqual(toHeat(framesOf({ type: 'heatmap' }, [[{}, [null]]]), { calculate: true }).rows, []);
});

test('calculate: rows between powers of two or ten, each divided into as many as is said', () => {
  const frames = { ...framesOf({ type: 'heatmap' }, [[{ n: 'a' }, [1, 2, 100, 0.5]], [{ n: 'b' }, [-1, 0, 999, 1000]]]), from: 0, to: 30 };
  const rows = (/** @type {any} */ yBuckets) => toHeat(frames, { calculate: true, calculation: { xBuckets: { mode: 'count', value: 1 }, yBuckets } }).rows;
  const ten = rows({ scale: { type: 'log', log: 10 } });
  assert.deepEqual(ten.map((row) => [row.lowText, row.highText, row.counts[0]]), [['0.1', '1', 1], ['1', '10', 2], ['10', '100', 0], ['100', '1000', 2], ['1000', '10000', 1]]);
  const two = rows({ scale: { type: 'log', log: 2 }, mode: 'count', value: '2' });
  assert.deepEqual(two.slice(0, 4).map((row) => Number(row.lowText).toFixed(3)), ['0.500', '0.707', '1.000', '1.414']);
  assert.equal(two.reduce((sum, row) => sum + Number(row.counts[0]), 0), 6);
});

test('stacks: gaps add nothing, hidden series take no room, negatives go down', () => {
  /** @type {(values: Array<number | null>, more?: object) => any} */
  const one = (values, more) => ({ values, mode: 'normal', group: 'A', hidden: false, ...more });
  assert.deepEqual(stackColumns([one([1, null]), one([2, 2]), one([-1, -1])]), [{ values: [1, null], below: -1 }, { values: [3, 2], below: 0, base: [1, 0] }, { values: [-1, -1], below: -1 }]);
  assert.deepEqual(stackColumns([one([1, 1], { hidden: true }), one([2, 2])])[1], { values: [2, 2], below: -1 });
  assert.deepEqual(stackColumns([one([1], { mode: 'percent' }), one([3], { mode: 'percent' })]).map((column) => column.values), [[0.25], [1]]);
});

test('points with nothing on either side', () => {
  assert.deepEqual(isolatedPoints([1, null, 2, 3, null, 4, undefined, 5, null, 6], 0, 9), [0, 9]);
  assert.deepEqual(isolatedPoints([null, 7, null], 0, 2), [1]);
  assert.deepEqual(isolatedPoints([1, 2], 0, 1), []);
});

test('one scale for each distinct axis: first left, next right', () => {
  const overrides = [{ matcher: { id: 'byName', options: 'b' }, properties: [{ id: 'unit', value: 's' }] }];
  const model = plotModel(framesOf({ type: 'timeseries', fieldConfig: { overrides } }, [[{ n: 'a' }, [1]], [{ n: 'b' }, [1]], [{ n: 'c' }, [1]]]), new Set(), 'dark');
  assert.deepEqual(model.series.map((series) => series.scale), ['y0', 'y1', 'y0']);
  assert.deepEqual(model.scales.map((scale) => scale.side), ['left', 'right']);
  assert.deepEqual(model.series.map((series) => series.color), ['#73bf69', '#f2cc0c', '#8ab8ff']);
});

test('what a plot cannot show breaks the line; bridged gaps do not', () => {
  /** @param {object} custom @param {Array<number | null>} values */
  const drawn = (custom, values) => plotModel(framesOf({ type: 'timeseries', fieldConfig: { defaults: { custom } } }, [[{}, values]]), new Set(), 'dark').series[0].drawn;
  assert.deepEqual(drawn({}, [1, NaN, Infinity, null, 2]), [1, null, null, null, 2]);
  assert.deepEqual(drawn({ spanNulls: true }, [null, 1, null, 2, null]), [null, 1, undefined, 2, null]);
  assert.deepEqual(drawn({ spanNulls: 25 }, [1, null, 2, null, null, 3]), [1, undefined, 2, null, null, 3]);
  assert.deepEqual(drawn({ transform: 'negative-Y' }, [1, 2]), [-1, -2]);
  assert.deepEqual(drawn({ scaleDistribution: { type: 'log', log: 10 } }, [0, -1, 2]), [null, null, 2]);
});

test('limits of the y scale', () => {
  /** @param {any} defaults @param {number | null} low @param {number | null} high */
  const range = (defaults, low, high) => valueRange(plotModel(framesOf({ type: 'timeseries', fieldConfig: { defaults } }, [[{}, [1]]]), new Set(), 'dark').scales[0], low, high);
  assert.deepEqual(range({ min: 0, max: 10 }, 3, 50), [0, 10]);
  assert.deepEqual(range({}, null, null), [0, 1]);
  assert.deepEqual(range({}, 5, 5), [0, 10]);
  assert.deepEqual(range({}, 0, 0), [0, 1]);
  assert.deepEqual(range({ custom: { axisSoftMin: 0, axisSoftMax: 10 } }, 4, 5), [0, 10]);
  const log = { custom: { scaleDistribution: { type: 'log', log: 10 } } };
  assert.deepEqual(range({ ...log, min: 0 }, null, null), [1, 10]);
  assert.ok(range({ ...log, min: 0 }, 0.5, 50)[0] > 0, 'a limit of zero is none on a logarithmic scale');
  assert.equal(range({ custom: { axisSoftMin: 0 } }, 100, 110)[0], 0);
  const [low, high] = range({}, 1e-9, 2e-9);
  assert.ok(low <= 1e-9 && high >= 2e-9 && high < 1e-8, `${low} ${high}`);
});

test('legend clicks', () => {
  const keys = ['a', 'b', 'c'];
  assert.deepEqual([...isolate(new Set(), keys, 'a')], ['b', 'c']);
  assert.deepEqual([...isolate(new Set(['b', 'c']), keys, 'a')], []);
  assert.deepEqual([...isolate(new Set(['b', 'c']), keys, 'b')], ['a', 'c']);
  assert.deepEqual([...toggle(new Set(['a']), 'a')], []);
});

test('stat values', () => {
  const panel = { type: 'stat', options: { reduceOptions: { calcs: ['max'] } }, fieldConfig: { defaults: { unit: 's', thresholds: { steps: [{ color: 'green' }, { value: 2, color: 'red' }] } } } };
  const [one] = reducedFields(panel, framesOf(panel, [[{}, [1, 3, null]]]), 'dark');
  assert.deepEqual([one.value, one.display.text + one.display.suffix, one.display.color], [3, '3 s', '#f2495c']);
});

test('a stat of a label shows its text', () => {
  const panel = { type: 'stat', options: { reduceOptions: { fields: '/^version$/' } } };
  const [one] = reducedFields(panel, framesOf(panel, [[{ version: '1.2.3' }, [1]]]), 'dark');
  assert.equal(one.display.text, '1.2.3');
  assert.deepEqual(reducedFields(panel, framesOf(panel, [[{ other: 'x' }, [1]]]), 'dark'), []);
});

test('Markdown holds nothing that could run', () => {
  const text = JSON.stringify(parseRich('# T\n<script>alert(1)</script><img src=x onerror=alert(1)>\n[x](javascript:alert(1)) [y](https://y.z)\n\n- a\n- b\n\n| h |\n|---|\n| c |\n\n```\n<b>\n```'));
  assert.ok(!/alert\(1\)"|onerror|javascript:/.test(text.replace(/"children":\["x"\]/, '')), text);
  for (const part of ['"tag":"h1"', '"tag":"ul"', '"tag":"table"', '"tag":"pre"', 'https://y.z']) assert.ok(text.includes(part), part);
  assert.deepEqual(['javascript:x', 'JAVASCRIPT:x', 'data:text/html,x', 'vbscript:x'].map(safeUrl), [null, null, null, null]);
  assert.equal(safeUrl('/d/x'), '/d/x');
});
