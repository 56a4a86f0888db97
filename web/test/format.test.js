import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatCount, formatLabels, formatRate, formatSeconds, formatShare, formatShort, plural, wireNumber } from '../lib/format.js';

/** @param {(value: any) => string} format @param {[any, string][]} cases */
function check(format, cases) {
  for (const [value, text] of cases) assert.equal(format(value), text, `${format.name}(${value})`);
}

test('numbers', () => {
  check(formatShort, [[0, '0'], [12.345, '12.3'], [999.6, '1k'], [1000, '1k'], [1_234_567, '1.23M'], [-1500, '-1.5k'], [1e15, '1P'], [1e-9, '1.0e-9'], [0.034, '0.034'], [null, '–'], [NaN, '–'], [Infinity, '–']]);
  check(formatCount, [[0, '0'], [999, '999'], [1234567, '1,234,567'], [-1234, '-1,234'], [null, '–']]);
  check(formatRate, [[12.34, '12.3/s'], [null, '–']]);
  check(formatShare, [[0, '0 %'], [0.00001, '<0.01 %'], [0.000355, '0.04 %'], [0.0269, '2.69 %'], [1, '100 %'], [null, '–']]);
  check(formatSeconds, [[0, '0 s'], [0.00034, '340 µs'], [0.0123, '12.3 ms'], [1.5, '1.5 s'], [null, '–']]);
  check(formatBytes, [[0, '0 B'], [1536, '1.5 KiB'], [8345678, '7.96 MiB'], [undefined, '–']]);
});

test('plurals', () => {
  assert.equal(plural(1, 'target'), '1 target');
  assert.equal(plural(2, 'target'), '2 targets');
  assert.equal(plural(3, 'series'), '3 series');
});

test('labels in order, quoted', () => {
  check(formatLabels, [[{ __name__: 'up', job: 'a', a: 'b' }, 'up{a="b", job="a"}'], [{ __name__: 'up' }, 'up'], [{}, '{}'], [{ q: 'say "x"' }, '{q="say \\"x\\""}']]);
});

test('wire values', () => {
  assert.equal(wireNumber(null), null);
  assert.equal(wireNumber(undefined), null);
  assert.equal(wireNumber(0), 0);
  assert.ok(Number.isNaN(wireNumber('NaN')));
  assert.equal(wireNumber('+Inf'), Infinity);
  assert.equal(wireNumber('-Inf'), -Infinity);
});
