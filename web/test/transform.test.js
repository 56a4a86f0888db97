// Transformations: what goes in, what comes out, as the specification's part 11 says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { column } from '../lib/dataframe.js';
import { toFrames } from '../lib/frames.js';
import { transformFrames } from '../lib/transform/index.js';
import { firstSort, footerCells, shownRows } from '../lib/tableview.js';

/** A frame of columns given as `name: values`; times are named Time. @param {string} refId @param {Record<string, any[]>} columns @param {Record<string, string>} [labels] */
const frame = (refId, columns, labels = {}) => ({
  refId,
  name: refId,
  columns: Object.entries(columns).map(([name, values]) => {
    const type = name.startsWith('Time') ? 'time' : typeof values.find((value) => value !== null) === 'number' ? 'number' : 'string';
    return { ...column(name, /** @type {any} */ (type), values, refId), labels: type === 'number' ? labels : {}, rawName: type === 'number' && Object.keys(labels).length > 0 ? 'Value' : name };
  }),
});

/** @param {any[]} frames @param {any[]} transformations @param {any} expected frames as `{name: values}` @param {any} [variables] */
function check(frames, transformations, expected, variables = {}) {
  const got = transformFrames(frames, { transformations }, variables).map((one) => Object.fromEntries(one.columns.map((field) => [field.name, field.values])));
  assert.deepEqual(got, expected);
}

test('organize leaves out, orders, renames by the names before', () => {
  check([frame('A', { Time: [1], a: [2], b: [3], c: [4] })], [{ id: 'organize', options: { excludeByName: { Time: true }, indexByName: { b: 0 }, renameByName: { a: 'A' } } }], [{ b: [3], A: [2], c: [4] }]);
  check([frame('A', { a: [2], b: [3] })], [{ id: 'organize', options: { includeByName: { b: true } } }], [{ b: [3] }]);
});

test('merge: rows with equal shared columns become one, others follow', () => {
  check([frame('A', { i: ['x', 'y'], 'Value #A': [1, 2] }), frame('B', { i: ['y', 'z'], 'Value #B': [7, 8] })], [{ id: 'merge' }], [{ i: ['x', 'y', 'z'], 'Value #A': [1, 2, null], 'Value #B': [null, 7, 8] }]);
  check([frame('A', { i: ['x'], v: [1] })], [{ id: 'merge' }], [{ i: ['x'], v: [1] }]);
});

test('joins by a field: outer, inner, rows that repeat a key', () => {
  const both = [frame('A', { Time: [1, 2], v: [10, 20] }), frame('B', { Time: [2, 3], v: [5, 6] })];
  check(both, [{ id: 'joinByField', options: {} }], [{ Time: [1, 2, 3], 'v 1': [10, 20, null], 'v 2': [null, 5, 6] }]);
  check(both, [{ id: 'joinByField', options: { byField: 'Time', mode: 'inner' } }], [{ Time: [2], 'v 1': [20], 'v 2': [5] }]);
  check([frame('A', { k: ['a', 'a'], v: [1, 2] }), frame('B', { k: ['a', 'b'], w: [3, 4] })], [{ id: 'joinByField', options: { byField: 'k', mode: 'outerTabular' } }], [{ k: ['a', 'a', 'b'], v: [1, 2, null], w: [3, 3, 4] }]);
  check([frame('A', { k: ['b', 'a'], v: [1, 2] })], [{ id: 'seriesToColumns', options: { byField: 'k' } }], [{ k: ['a', 'b'], v: [2, 1] }]);
});

test('labels become columns', () => {
  const series = [frame('A', { Time: [1], 'up{a="x"}': [1] }, { a: 'x' }), frame('A', { Time: [1], 'up{a="y"}': [0] }, { a: 'y' })];
  check(series, [{ id: 'labelsToFields', options: {} }], [{ Time: [1, 1], a: ['x', 'y'], Value: [1, 0] }]);
  check(series, [{ id: 'labelsToFields', options: { valueLabel: 'a' } }], [{ Time: [1], x: [1], y: [0] }]);
});

test('series to rows, newest first', () => {
  check([frame('A', { Time: [1, 2], a: [5, 6] }), frame('B', { Time: [2], b: [7] })], [{ id: 'seriesToRows' }], [{ Time: [2, 2, 1], Metric: ['a', 'b', 'a'], Value: [6, 7, 5] }]);
});

test('columns chosen and renamed by expressions', () => {
  check([frame('A', { Time: [1], cpu_a: [1], mem_a: [2] })], [{ id: 'filterFieldsByName', options: { include: { names: ['Time'], pattern: '/^cpu/' } } }], [{ Time: [1], cpu_a: [1] }]);
  check([frame('A', { cpu_a: [1], cpu_b: [2] })], [{ id: 'renameByRegex', options: { regex: '/cpu_(.*)/', renamePattern: 'on $1' } }], [{ 'on a': [1], 'on b': [2] }]);
  check([frame('A', { 'x y': [1] })], [{ id: 'renameByRegex', options: { regex: 'x (.*)', renamePattern: '$1' } }], [{ y: [1] }]);
});

test('rows sorted, limited, filtered', () => {
  const one = frame('A', { n: ['a', 'b', 'c'], v: [2, null, 3] });
  check([one], [{ id: 'sortBy', options: { sort: [{ field: 'v', desc: true }] } }], [{ n: ['c', 'a', 'b'], v: [3, 2, null] }]);
  check([one], [{ id: 'limit', options: { limitField: '2' } }], [{ n: ['a', 'b'], v: [2, null] }]);
  check([one], [{ id: 'filterByValue', options: { type: 'include', match: 'any', filters: [{ fieldName: 'v', config: { id: 'greaterOrEqual', options: { value: '$least' } } }] } }], [{ n: ['c'], v: [3] }], { least: '3' });
  check([one], [{ id: 'filterByValue', options: { type: 'exclude', match: 'all', filters: [{ fieldName: 'n', config: { id: 'regex', options: { value: '[ab]' } } }] } }], [{ n: ['c'], v: [3] }]);
});

test('group by and reduce', () => {
  check([frame('A', { g: ['x', 'y', 'x'], v: [1, 2, 3] })], [{ id: 'groupBy', options: { fields: { g: { operation: 'groupby', aggregations: [] }, v: { operation: 'aggregate', aggregations: ['sum', 'count'] } } } }], [{ g: ['x', 'y'], 'v (sum)': [4, 2], 'v (count)': [2, 1] }]);
  check([frame('A', { Time: [1, 2], a: [5, 7] }), frame('A', { Time: [1, 2], b: [1, null] })], [{ id: 'reduce', options: { reducers: ['max', 'lastNotNull'] } }], [{ Field: ['a', 'b'], Max: [7, 1], 'Last *': [7, 1] }]);
  check([frame('A', { Time: [1], 'x{i="1"}': [5] }, { i: '1' })], [{ id: 'reduce', options: { reducers: ['mean'], labelsToFields: true } }], [{ Field: ['Value'], i: ['1'], Mean: [5] }]);
  check([frame('A', { Time: [1, 2], a: [5, 7] })], [{ id: 'reduce', options: { mode: 'reduceFields', reducers: ['sum'] } }], [{ a: [12] }]);
});

test('calculations', () => {
  const one = frame('A', { Time: [1, 2], a: [4, 6], b: [2, null] });
  check([one], [{ id: 'calculateField', options: { mode: 'binary', binary: { left: 'a', operator: '/', right: 'b' } } }], [{ Time: [1, 2], a: [4, 6], b: [2, null], 'a / b': [2, null] }]);
  check([one], [{ id: 'calculateField', options: { mode: 'binary', alias: 'x', replaceFields: true, binary: { left: 'a', operator: '*', right: '10' } } }], [{ Time: [1, 2], x: [40, 60] }]);
  check([one], [{ id: 'calculateField', options: { mode: 'reduceRow', reduce: { reducer: 'sum' }, replaceFields: true } }], [{ Time: [1, 2], Total: [6, 6] }]);
  check([frame('A', { Time: [1], a: [4] }), frame('B', { Time: [1], b: [1] })], [{ id: 'calculateField', options: { mode: 'binary', binary: { left: 'a', operator: '-', right: 'b' }, alias: 'free' } }], [{ Time: [1], a: [4], b: [1], free: [3] }]);
  check([frame('A', { v: [-1, 2] })], [{ id: 'calculateField', options: { mode: 'unary', unary: { operator: 'abs', fieldName: 'v' } } }], [{ v: [-1, 2], 'abs(v)': [1, 2] }]);
  check([frame('A', { v: [1, 3, 5] })], [{ id: 'calculateField', options: { mode: 'windowFunctions', alias: 'm', window: { field: 'v', windowSizeMode: 'fixed', windowSize: 2 } } }], [{ v: [1, 3, 5], m: [1, 2, 4] }]);
});

test('shapes: matrix, small series, wide, partitions, transposed, texts taken apart', () => {
  check([frame('A', { r: ['x', 'x', 'y'], c: ['p', 'q', 'p'], v: [1, 2, 3] })], [{ id: 'groupingToMatrix', options: { columnField: 'c', rowField: 'r', valueField: 'v' } }], [{ 'r\\c': ['x', 'y'], p: [1, 3], q: [2, ''] }]);
  check([frame('A', { Time: [1, 2], 'x{i="1"}': [5, 6] }, { i: '1' })], [{ id: 'timeSeriesTable', options: {} }], [{ i: ['1'], 'Trend #A': [{ x: [1, 2], values: [5, 6], stat: 6 }] }]);
  check([frame('A', { Time: [1], a: [4] }), frame('B', { Time: [2], b: [1] })], [{ id: 'prepareTimeSeries', options: { format: 'wide' } }], [{ Time: [1, 2], a: [4, null], b: [null, 1] }]);
  check([frame('A', { g: ['x', 'y'], v: [1, 2] })], [{ id: 'partitionByValues', options: { fields: ['g'] } }], [{ 'v x': [1] }, { 'v y': [2] }]);
  check([frame('A', { n: ['a', 'b'], v: [1, 2] })], [{ id: 'transpose', options: {} }], [{ n: ['v'], a: [1], b: [2] }]);
  check([frame('A', { m: ['{"a":1,"b":{"c":"x"}}'] })], [{ id: 'extractFields', options: { source: 'm', format: 'json', replace: true, jsonPaths: [{ path: 'b.c', alias: 'c' }, { path: 'a' }] } }], [{ c: ['x'], a: [1] }]);
  check([frame('A', { m: ['a=1 b="x y"'] })], [{ id: 'extractFields', options: { source: 'm', format: 'kvp' } }], [{ m: ['a=1 b="x y"'], a: ['1'], b: ['x y'] }]);
  check([frame('A', { s: ['12', null] })], [{ id: 'convertFieldType', options: { conversions: [{ targetField: 's', destinationType: 'number' }] } }], [{ s: [12, null] }]);
});

test('a step that is off, unknown or about other queries changes nothing of these', () => {
  const one = frame('A', { v: [1] });
  check([one], [{ id: 'organize', disabled: true, options: { renameByName: { v: 'x' } } }, { id: 'madeUp' }, { id: 'organize', topic: 'annotations', options: { renameByName: { v: 'x' } } }], [{ v: [1] }]);
  check([one, frame('B', { v: [2] })], [{ id: 'organize', filter: { id: 'byRefId', options: 'B' }, options: { renameByName: { v: 'x' } } }], [{ x: [2] }, { v: [1] }]);
});

test('tables of instant queries: refIds given, values named by query, merged, organized, coloured by override', () => {
  const panel = {
    id: 1, type: 'table',
    targets: [{ expr: 'x', instant: true, format: 'table' }, { expr: 'y', instant: true, format: 'table' }],
    transformations: [{ id: 'merge' }, { id: 'organize', options: { excludeByName: { Time: true }, renameByName: { 'Value #B': 'Free' } } }],
    fieldConfig: { defaults: { unit: 'bytes' }, overrides: [{ matcher: { id: 'byName', options: 'Free' }, properties: [{ id: 'unit', value: 'percent' }, { id: 'custom.width', value: 90 }] }] },
  };
  const part = (/** @type {string} */ id, /** @type {number} */ value) => ({ id, start: 50, step: 1, count: 1, series: [{ labels: { i: 'a' }, values: [value] }, { labels: { i: 'b' }, values: [value + 1] }] });
  const frames = toFrames(panel, [part('1:A', 1), part('1:B', 5)]);
  assert.equal(frames.tables.length, 1);
  assert.deepEqual(frames.tables[0].columns.map((one) => [one.name, one.values, one.config.unit]), [['i', ['a', 'b'], 'bytes'], ['Value #A', [1, 2], 'bytes'], ['Free', [5, 6], 'percent']]);
});

test('transformed series are drawn as such', () => {
  const panel = { id: 1, type: 'timeseries', targets: [{ refId: 'A', expr: 'x', legendFormat: '{{i}}' }], transformations: [{ id: 'renameByRegex', options: { regex: '/(.*)-db/', renamePattern: '$1' } }] };
  const frames = toFrames(panel, [{ id: '1:A', start: 0, step: 10, count: 2, series: [{ labels: { i: 'a-db' }, values: [1, null] }, { labels: { i: 'b-db' }, values: [3, 4] }] }]);
  assert.deepEqual(frames.x, [0, 10]);
  assert.deepEqual(frames.fields.map((field) => [field.name, field.values, field.index]), [['a', [1, null], 0], ['b', [3, 4], 1]]);
});

test('rows of a table as the reader wants them, and the footer', () => {
  const frames = toFrames({ id: 1, type: 'table', targets: [{ refId: 'A', expr: 'x', format: 'table', instant: true }] }, [{ id: '1:A', start: 5, step: 1, count: 1, series: [{ labels: { i: 'a' }, values: [3] }, { labels: { i: 'b' }, values: [1] }, { labels: { i: 'ab' }, values: [2] }] }]);
  const { columns } = frames.tables[0];
  const text = (/** @type {any} */ one, /** @type {number} */ row) => String(one.values[row]);
  assert.deepEqual(shownRows(columns, { by: 'Value', desc: true }, {}, text), [0, 2, 1]);
  assert.deepEqual(shownRows(columns, { by: '', desc: false }, { i: 'B' }, text), [1, 2]);
  assert.deepEqual(firstSort({ sortBy: [{ column: 2, displayName: '', desc: true }] }, columns), { by: 'Value', desc: true });
  assert.deepEqual(footerCells({ footer: { show: true, reducer: ['sum'] } }, columns, [0, 1]), [{ label: 'Total' }, null, { value: 4 }]);
  assert.equal(footerCells({}, columns, [0]), null);
});
