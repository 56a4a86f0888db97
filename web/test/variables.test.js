import assert from 'node:assert/strict';
import { test } from 'node:test';
import { typedFilter, withFilters } from '../lib/adhoc.js';
import { ALL, choose, optionsFrom, provisional, queryText, readQuery, readVariable, selectionText, toggled, valueOf } from '../lib/variables.js';

const texts = (raw) => readVariable(raw).options.map((o) => [o.text, o.value]);

test('options that follow from the definition', () => {
  assert.deepEqual(texts({ type: 'custom', query: 'a, b : 2 ,c\\,d' }), [['a', 'a'], ['b', '2'], ['c,d', 'c,d']]);
  assert.deepEqual(texts({ type: 'interval', query: '1m,5m' }), [['1m', '1m'], ['5m', '5m']]);
  assert.deepEqual(texts({ type: 'constant', query: 'x' }), [['x', 'x']]);
  assert.equal(readVariable({ type: 'datasource', query: 'prometheus' }).options.length, 1);
  assert.deepEqual(texts({ type: 'query', query: 'label_values(a)' }), []);
});

test('query texts in their many forms', () => {
  assert.equal(queryText({ query: ' label_values(x) ' }), 'label_values(x)');
  assert.equal(queryText({ query: { query: 'metrics(a)' } }), 'metrics(a)');
  assert.equal(queryText({ query: {}, definition: 'up' }), 'up');
  assert.equal(queryText(null), '');
});

test('what a query asks for', () => {
  const check = (text, what) => assert.deepEqual(readQuery(text), what, text);
  check('label_values(job)', { kind: 'values', label: 'job', match: '' });
  check('label_values({}, job)', { kind: 'values', label: 'job', match: '' });
  check('label_values(up{a="x,y", b=~"."}, instance)', { kind: 'values', label: 'instance', match: 'up{a="x,y", b=~"."}' });
  check('label_names()', { kind: 'names', pattern: '' });
  check('metrics(^http)', { kind: 'metrics', pattern: '^http' });
  check('query_result(sum by (a) (up))', { kind: 'result', expr: 'sum by (a) (up)' });
  check('up{job="x"}', { kind: 'series', match: 'up{job="x"}' });
});

test('regexes filter, cut and name', () => {
  const check = (list, regex, sort, expected) => assert.deepEqual(optionsFrom(list, { sort }, regex).map((o) => [o.text, o.value]), expected, regex);
  check(['a1', 'b2', 'a1'], '', 0, [['a1', 'a1'], ['b2', 'b2']]);
  check(['a1', 'b2'], '/^a/', 0, [['a', 'a']]);
  check(['x name="one" 1', 'x name="two" 2'], '/.*name="([^"]*).*/', 0, [['one', 'one'], ['two', 'two']]);
  check(['k: 1'], '/(?<text>\\w+): (?<value>\\d+)/', 0, [['k', '1']]);
  check(['a,b'], '/(\\w)/g', 0, [['a', 'a'], ['b', 'b']]);
  check(['x'], '/(/', 0, [['x', 'x']]);
  check(['n10', 'n9', 'n1'], '', 3, [['n1', 'n1'], ['n9', 'n9'], ['n10', 'n10']]);
  check(['a', 'b'], '', 2, [['b', 'b'], ['a', 'a']]);
  check(['b', 'A'], '', 5, [['A', 'A'], ['b', 'b']]);
});

test('the choice: address, then file, then all, then first', () => {
  const variable = (more) => ({ ...readVariable({ type: 'custom', query: 'a,b,c' }), ...more });
  const check = (more, inAddress, raw, expected) => assert.deepEqual(choose(variable(more), inAddress, raw), expected);
  check({}, ['b'], { current: { value: 'c' } }, ['b']);
  check({}, ['gone'], { current: { value: 'c' } }, ['c']);
  check({}, [], { current: { value: 'gone' } }, ['a']);
  check({ includeAll: true }, [], {}, [ALL]);
  check({ includeAll: true }, [], { current: { value: ['$__all'] } }, [ALL]);
  check({ includeAll: true }, ['All'], {}, [ALL]);
  check({ multi: true }, ['a', 'c', 'gone'], {}, ['a', 'c']);
  check({}, ['a', 'c'], {}, ['a']);
  check({ options: [] }, [], {}, ['']);
  check({ type: 'textbox', options: [] }, ['anything'], {}, ['anything']);
});

test('before the options are known, the likely choice holds the place', () => {
  assert.deepEqual(provisional({ type: 'query', current: { value: 'x' } }, []).selected, ['x']);
  assert.deepEqual(provisional({ type: 'query', includeAll: true }, []).selected, [ALL]);
  assert.deepEqual(provisional({ type: 'query' }, ['y']).selected, ['y']);
});

test('values and texts', () => {
  const base = { ...readVariable({ type: 'custom', name: 'x', query: 'One : 1,Two : 2' }), multi: true };
  assert.equal(valueOf({ ...base, selected: [ALL] }).value, ALL);
  assert.deepEqual(valueOf({ ...base, selected: ['1', '2'] }).value, ['1', '2']);
  assert.equal(valueOf({ ...base, multi: false, selected: ['2'] }).value, '2');
  assert.equal(selectionText({ ...base, selected: ['1', '2'] }), 'One + Two');
  assert.equal(selectionText({ ...base, selected: [ALL] }), 'All');
});

test('clicks in a list of several', () => {
  assert.deepEqual(toggled(['a'], 'b'), ['a', 'b']);
  assert.deepEqual(toggled(['a', 'b'], 'a'), ['b']);
  assert.deepEqual(toggled([ALL], 'a'), ['a']);
  assert.deepEqual(toggled(['a'], ALL), [ALL]);
});

test('filters are put into every selector, and nowhere else', () => {
  const filters = [{ key: 'job', operator: '=~', value: 'a|"b"' }];
  const check = (/** @type {string} */ expr, /** @type {string} */ expected, /** @type {'promql' | 'logql'} */ language = 'promql') => assert.equal(withFilters(expr, filters, language).replaceAll('job=~"a|\\"b\\""', 'F'), expected);
  check('up', 'up{F}');
  check('sum by (job, le) (rate(http_total{code="5}"}[5m] offset 1h)) / on (job) group_left (x) foo', 'sum by (job, le) (rate(http_total{code="5}",F}[5m] offset 1h)) / on (job) group_left (x) foo{F}');
  check('{__name__="x",} or vector(1) and bool_x > bool 2e3', '{__name__="x",F} or vector(1) and bool_x{F} > bool 2e3');
  check('label_replace(up, "a", "{x}", "b", "(.*)") # up\n + topk(3, cpu:rate5m)', 'label_replace(up{F}, "a", "{x}", "b", "(.*)") # up\n + topk(3, cpu:rate5m{F})');
  check('histogram_quantile(0.9, sum without(i) (rate(b{}[1m])))[5m:1m] @ end()', 'histogram_quantile(0.9, sum without(i) (rate(b{F}[1m])))[5m:1m] @ end()');
  check('sum(rate({a="b"} |= "{x}" | json | status=500 [1m]))', 'sum(rate({a="b",F} |= "{x}" | json | status=500 [1m]))', 'logql');
  assert.deepEqual([typedFilter('job = web'), typedFilter('code!~"5.."'), typedFilter('nonsense')], ['job|=|web', 'code|!~|5..', null]);
  const raw = { type: 'adhoc', name: 'f', filters: [{ key: 'job', operator: '=', value: 'x' }] };
  assert.deepEqual([choose(readVariable(raw), [], raw), choose(readVariable(raw), ['a|=|b|c', 'bad'], raw), choose(readVariable(raw), [''], raw)], [['job|=|x'], ['a|=|b|c'], []]);
  assert.deepEqual(valueOf({ ...readVariable(raw), selected: ['a|=~|b|c'] }).filters, [{ key: 'a', operator: '=~', value: 'b|c' }]);
});
