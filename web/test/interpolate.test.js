// Variables in texts, by the rules of the dashboard specification, part 5.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interpolate, isAll, mentioned, selectedValues } from '../lib/interpolate.js';

/** @type {import('../lib/interpolate.js').Variables} */
const variables = {
  one: { value: 'a' },
  job: { value: 'api' },
  multi: { value: ['a.b', 'c+d'], multi: true },
  single: { value: ['a.b'], multi: true },
  all: { value: ['$__all'], multi: true, includeAll: true, allValue: '.*', options: ['x', 'y'] },
  spread: { value: '$__all', includeAll: true, options: [{ text: 'X', value: 'x' }, { text: 'Y', value: 'y' }] },
  nested: { value: '$__all', includeAll: true, allValue: '$one-(.+)', options: [] },
  quoted: { value: 'it\'s a "b" \\ c' },
  html: { value: '<b>' },
  __interval: '15s',
};

/** @param {string} text @param {string} expected @param {import('../lib/interpolate.js').DefaultFormat} [format] */
function check(text, expected, format) {
  assert.equal(interpolate(text, variables, format), expected, text);
}

test('the three ways to write a variable, and unknown ones', () => {
  check('$one ${one} [[one]]', 'a a a');
  check('$job_name $unknown ${nope:csv} [[no]]', '$job_name $unknown ${nope:csv} [[no]]');
  check('rate(x[$__interval])', 'rate(x[15s])', 'promql');
  check('cost: $5, ${', 'cost: $5, ${');
});

test('PromQL escapes lists as regular expressions and plain values as text', () => {
  check('x{a=~"$multi"}', 'x{a=~"(a\\\\.b|c\\\\+d)"}', 'promql');
  check('x{a=~"$single"}', 'x{a=~"a\\\\.b"}', 'promql');
  check('x{a="$one"}', 'x{a="a"}', 'promql');
  check('$quoted', 'it\\\\\'s a "b" \\\\ c', 'promql');
  check('$multi', 'a\\\\.b|c\\\\+d', 'logql');
});

test('"All" is allValue as it is, else every option', () => {
  check('$all', '.*', 'promql');
  check('$spread', '(x|y)', 'promql');
  check('$nested', 'a-(.+)', 'promql');
  check('${all:text} ${spread:text}', 'All All');
  check('${spread:pipe} [[spread:csv]]', 'x|y x,y', 'promql');
  assert.equal(isAll({ value: ['$__all'] }), true);
  assert.deepEqual(selectedValues({ value: '$__all', options: ['$__all', 'x'] }), ['x']);
});

test('formats', () => {
  for (const [format, expected] of [
    ['raw', 'a.b,c+d'], ['csv', 'a.b,c+d'], ['pipe', 'a.b|c+d'], ['regex', '(a\\.b|c\\+d)'], ['glob', '{a.b,c+d}'], ['json', '["a.b","c+d"]'],
    ['singlequote', "'a.b','c+d'"], ['doublequote', '"a.b","c+d"'], ['sqlstring', "'a.b','c+d'"], ['queryparam', 'var-multi=a.b&var-multi=c%2Bd'],
    ['text', 'a.b + c+d'], ['distributed', 'a.b,multi=c+d'], ['join: and ', 'a.b and c+d'], ['unknown', '{a.b,c+d}'], ['percentencode', '%7Ba.b%2Cc%2Bd%7D'],
  ]) {
    check(`\${multi:${format}}`, expected, 'promql');
  }
  check('${html:html}', '&#60;b&#62;');
  check('$multi', '{a.b,c+d}');
});

test('names of variables a text mentions', () => {
  assert.deepEqual(mentioned('label_values(up{a=~"$job", b="[[x]]", c="${y:pipe}"}, z) $job'), ['job', 'x', 'y']);
});

test('a value is not read again', () => {
  assert.equal(interpolate('$a', { a: { value: '$b' }, b: { value: 'no' } }), '$b');
  assert.equal(interpolate('$toString $constructor', {}), '$toString $constructor');
});
