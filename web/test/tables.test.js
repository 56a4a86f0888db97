import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvOf, tableOf } from '../lib/tables.js';

const series = (labels, values) => ({ labels, values });

test('series with different steps share their times', () => {
  const table = tableOf([
    { id: '1:A', start: 0, step: 1000, count: 3, series: [series({ a: 'x' }, [1, null, 'NaN'])] },
    { id: '1:B', start: 0, step: 2000, count: 2, series: [series({ b: 'y' }, [7, '+Inf'])] },
  ]);
  assert.deepEqual(table.times, [0, 1000, 2000]);
  assert.deepEqual(table.columns, ['{a="x"}', '{b="y"}']);
  assert.deepEqual(table.rows, [[1, 7], [null, null], [NaN, Infinity]]);
});

test('failed targets give no columns', () => {
  assert.deepEqual(tableOf([{ id: '1:A', error: { message: 'no' } }]), { columns: [], times: [], rows: [], left_out: 0 });
});

test('too many columns are left out of the table, not of the CSV', () => {
  const result = { id: '1:A', start: 0, step: 1, count: 1, series: [series({ a: '1' }, [1]), series({ a: '2' }, [2])] };
  const table = tableOf([result], 1);
  assert.equal(table.left_out, 1);
  assert.deepEqual(table.rows, [[1]]);
  assert.equal(csvOf([result]), 'time,"{a=""1""}","{a=""2""}"\r\n1970-01-01T00:00:00.000Z,1,2\r\n');
});

test('a name that a spreadsheet would run is made harmless', () => {
  const result = { id: '1:A', start: 0, step: 1, count: 1, series: [series({ __name__: '=cmd()' }, [null])] };
  assert.equal(csvOf([result]), "time,'=cmd()\r\n1970-01-01T00:00:00.000Z,\r\n");
});

test('lines of logs are saved with all digits of their time', () => {
  const result = { id: '1:A', kind: /** @type {'logs'} */ ('logs'), times_ns: ['1767225600000000007'], lines: ['a, "b"'], label_sets: [{ job: 'x' }], labels: [0] };
  assert.equal(csvOf([result]), 'time,labels,line\r\n2026-01-01T00:00:00.000000007Z,"{job=""x""}","a, ""b"""\r\n');
});
