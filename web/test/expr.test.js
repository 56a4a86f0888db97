// Expressions: arithmetic over the answers of other targets, reducing, resampling, limits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMath, refsOf } from '../lib/expr/math.js';
import { plain, evaluate } from '../lib/expr/values.js';
import { planTargets, toFrames } from '../lib/frames.js';

const RANGE = { from: 0, to: 40, widthPx: 100, scrapeIntervalMs: 10, utcOffsetMs: 0, variables: {} };
const prom = (/** @type {string} */ refId, /** @type {object} */ more) => ({ refId, expr: `m_${refId}`, ...more });
const expression = (/** @type {string} */ refId, /** @type {object} */ more) => ({ refId, datasource: { type: '__expr__', uid: '__expr__' }, ...more });
const math = (/** @type {string} */ refId, /** @type {string} */ text, more = {}) => expression(refId, { type: 'math', expression: text, ...more });
const answer = (/** @type {string} */ refId, /** @type {[Record<string, string>, any[]][]} */ series, step = 10) => ({ id: `7:${refId}`, start: 0, step, count: series[0]?.[1].length ?? 0, series: series.map(([labels, values]) => ({ labels, values })) });

/** Names and values that a panel shows. @param {any[]} targets @param {any[]} results @param {any} [more] */
function shown(targets, results, more = {}) {
  const frames = toFrames({ id: 7, type: 'timeseries', targets, ...more }, results, { variables: {}, from: 0, to: 40 });
  return { fields: Object.fromEntries(frames.fields.map((field) => [field.name, field.values])), errors: frames.errors, frames };
}

/** The number that a text without names gives. @param {string} text */
const number = (text) => evaluate(parseMath(text), () => [])[0].points[0];

test('arithmetic: what binds tighter, from the left, with functions', () => {
  assert.equal(number('1 + 2 * 3 ** 2 - -4 / 2'), 21);
  assert.equal(number('2 ** 3 ** 2'), 64);
  assert.equal(number('!(1 > 2) && 3 != 4 || 0'), 1);
  assert.equal(number('0x10 + 1e2 % 7 + .5'), 18.5);
  assert.deepEqual(['abs(-2)', 'round(-2.5)', 'ceil(1.2)', 'floor(-1.2)', 'log(1)', 'is_nan(nan())', 'is_inf(infn())', 'is_null(null())', 'is_number(3)'].map(number), [2, -3, 2, -2, 0, 1, 1, 1, 1]);
  assert.deepEqual(['nan() > 1', 'nan() || 1', '0 && nan()', '1 + null()'].map(number), [NaN, NaN, 0, null]);
});

test('arithmetic that is none says where', () => {
  for (const [text, words] of [['1 +', 'the end'], ['1 2', '“2”'], ['(1', 'the end'], ['sin(1)', 'no function sin'], ['abs()', 'one argument'], ['$', '“$”'], ['1 & 2', '“& 2”'], ['-'.repeat(1000) + '1', 'more than 100']]) {
    assert.throws(() => parseMath(text), (/** @type {any} */ error) => error.message.includes(words), text);
  }
  assert.deepEqual(refsOf(parseMath('$A + ${B C} * abs($A_1)')), ['A', 'B C', 'A_1']);
});

test('series go together by their labels, points by their times', () => {
  const values = { A: [{ labels: { i: '1' }, times: { start: 0, step: 10 }, points: [1, 2, null, 4] }, { labels: { i: '2' }, times: { start: 0, step: 10 }, points: [5, 6, 7, 8] }], B: [{ labels: { i: '2', j: 'x' }, times: { start: 0, step: 20 }, points: [10, 20] }], C: [{ labels: { k: '1' }, times: null, points: [3] }] };
  const of = (/** @type {string} */ text) => evaluate(parseMath(text), (name) => values[/** @type {'A'} */ (name)]).map(({ labels, points }) => [labels, points]);
  assert.deepEqual(of('$A + $B'), [[{ i: '2', j: 'x' }, [15, null, 27, null]]]);
  assert.deepEqual(of('$A * 2'), [[{ i: '1' }, [2, 4, null, 8]], [{ i: '2' }, [10, 12, 14, 16]]]);
  assert.deepEqual(of('$B - $C'), [[{}, [7, 17]]]);
  assert.deepEqual(of('$A + $C'), []);
  assert.deepEqual(plain(1), { labels: {}, times: null, points: [1] });
});

test('hidden targets are asked about when an expression needs them, and are not shown', () => {
  const targets = [prom('A', { hide: true }), prom('B', { hide: true }), prom('D', { hide: true }), math('C', '$A / $B'), math('E', '$D', { hide: true })];
  assert.deepEqual(planTargets({ id: 7, type: 'timeseries', targets }, RANGE).targets.map(({ id }) => id), ['7:A', '7:B']);
  const { fields, errors } = shown(targets, [answer('A', [[{ __name__: 'm', i: '1' }, [1, 2, 'NaN']]]), answer('B', [[{ __name__: 'n' }, [2, 2, 2]]])]);
  assert.deepEqual([fields, errors], [{ '{i="1"}': [0.5, 1, NaN] }, []]);
});

test('an expression of expressions; one that needs itself, or a query that failed, says so', () => {
  const results = [answer('A', [[{}, [1, 2, 3]]]), { id: '7:F', error: { message: 'it is broken' } }];
  assert.deepEqual(shown([prom('A', { hide: true }), math('B', '$A + 1', { hide: true }), math('C', '$B * 10')], results).fields, { C: [20, 30, 40] });
  const wrong = (/** @type {any[]} */ ...targets) => shown([prom('A'), prom('F', { hide: true }), ...targets], results).errors.map(({ message }) => message);
  assert.deepEqual(wrong(math('X', '$Y'), math('Y', '$X')), ['X needs itself', 'Y needs itself']);
  assert.deepEqual(wrong(math('X', '$F')), ['query F failed: it is broken']);
  assert.deepEqual(wrong(math('X', '$Q')), ['there is no query Q']);
  assert.deepEqual(wrong(math('X', '1 +')), ['“the end” is not expected here']);
  assert.deepEqual(wrong(expression('X', { type: 'sql', expression: 'select 1' })), ['expressions of type sql are not available here']);
});

test('one number out of a series', () => {
  const reduced = (/** @type {string} */ reducer, settings = {}) => shown([prom('A', { hide: true }), expression('R', { type: 'reduce', expression: '$A', reducer, settings })], [answer('A', [[{}, [1, null, 'NaN', 4, 7]]])]).fields.R[0];
  assert.deepEqual(['last', 'count', 'mean', 'max'].map((reducer) => reduced(reducer)), [7, 4, NaN, NaN]);
  assert.deepEqual(['min', 'mean', 'median', 'sum', 'count'].map((reducer) => reduced(reducer, { mode: 'dropNN' })), [1, 4, 4, 12, 3]);
  assert.equal(reduced('sum', { mode: 'replaceNN', replaceWithValue: 8 }), 20);
  const { frames } = shown([prom('A'), expression('R', { type: 'reduce', expression: 'A', reducer: 'max' })], [answer('A', [[{}, [1, 2]]])]);
  assert.deepEqual(frames.fields.map(({ name, instant }) => [name, instant]), [['m_A', false], ['R', true]]);
});

test('other steps, and limits', () => {
  const by = (/** @type {any} */ more) => shown([prom('A', { hide: true }), expression('R', { expression: 'A', ...more })], [answer('A', [[{}, [1, 3, 5, null, 9]]])]);
  const resample = (/** @type {any} */ more) => by({ type: 'resample', window: '20ms', ...more }).fields.R;
  assert.deepEqual(resample({ downsampler: 'sum', upsampler: 'fillna' }), [1, 8, 9]);
  assert.deepEqual(['pad', 'backfilling', 'fillna'].map((upsampler) => resample({ window: '5ms', downsampler: 'last', upsampler })), [[1, 1, 3, 3, 5, 5, 5, 5, 9], [1, 3, 3, 5, 5, 9, 9, 9, 9], [1, null, 3, null, 5, null, null, null, 9]]);
  assert.match(by({ type: 'resample', window: 'soon' }).errors[0].message, /no duration/);
  assert.match(by({ type: 'resample', window: '1h' }).errors[0].message, /makes 1 points/);
  const limit = (/** @type {string} */ type, /** @type {number[]} */ ...params) => by({ type: 'threshold', conditions: [{ evaluator: { type, params } }] }).fields.R;
  assert.deepEqual(limit('gt', 3), [0, 0, 1, null, 1]);
  assert.deepEqual(limit('within_range', 1, 9), [0, 1, 1, null, 0]);
  assert.deepEqual(limit('outside_range_included', 9, 3), [1, 1, 0, null, 1]);
});
