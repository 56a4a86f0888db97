import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HISTORY_MS, RECENT_MS, servicePlan, servicesOf } from '../lib/services.js';

const one = (id, ...rows) => ({ id, start: 0, step: 1, count: 1, series: rows.map(([labels, value]) => ({ labels, values: [value] })) });
const alert = (job, severity) => ({ labels: { alertname: 'X', job, severity }, annotations: {}, state: 'firing', activeAt: '', value: '1' });

test('the plan covers the last hour and asks for each figure once', () => {
  const plan = servicePlan(1_700_000_000_123);
  assert.equal(plan.to - plan.from, HISTORY_MS);
  assert.deepEqual(plan.targets.map((t) => t.id), ['up', 'rate', 'errors', 'p99', 'hour', 'recent']);
  assert.deepEqual(plan.targets.filter((t) => !t.instant).map((t) => (t.to ?? plan.to) - (t.from ?? plan.from)), [HISTORY_MS, RECENT_MS]);
});

test('expressions are closed and cover all families', () => {
  for (const { id, expr } of servicePlan(0).targets) {
    const depth = [...expr].reduce((open, c) => open + (c === '(' ? 1 : c === ')' ? -1 : 0), 0);
    assert.equal(depth, 0, id);
    if (id !== 'up') assert.equal(expr.match(/ or (?!0)/g)?.length, 3, id);
  }
});

test('one row a job, worst first', () => {
  const up = one('up', [{ job: 'a', instance: '1' }, 1], [{ job: 'b', instance: '1' }, 1], [{ job: 'b', instance: '2' }, 0], [{ job: 'c', instance: '1' }, 0], [{ job: 'd' }, 1]);
  const list = servicesOf([up], [alert('d', 'warning')]);
  assert.deepEqual(list.map((s) => [s.job, s.up, s.instances, s.health.word]), [['c', 0, 1, 'Down'], ['b', 1, 2, 'Partly down'], ['d', 1, 1, 'Alerting'], ['a', 1, 1, 'Healthy']]);
});

test('a critical alert outranks', () => {
  const up = one('up', [{ job: 'a' }, 1]);
  assert.equal(servicesOf([up], [alert('a', 'critical')])[0].health.word, 'Critical');
  assert.equal(servicesOf([up], [alert('other', 'critical')])[0].health.word, 'Healthy');
});

test('figures are numbers or unknown, never made up', () => {
  const up = one('up', [{ job: 'a' }, 1], [{ job: 'b' }, 1]);
  const [a, b] = servicesOf([up, one('rate', [{ job: 'a' }, 12.5]), one('errors', [{ job: 'a' }, 'NaN']), { id: 'p99', error: { message: 'no' } }], []);
  assert.deepEqual([a.rate, a.errors, a.p99], [12.5, null, null]);
  assert.deepEqual([b.rate, b.errors, b.p99], [null, null, null]);
});

test('health checks are nobody\'s requests', () => {
  for (const { id, expr } of servicePlan(0).targets) {
    if (id !== 'up') assert.equal(expr.match(/(?<!_)http_request\w+[{[]/g)?.length, expr.match(/endpoint!="\/health"/g)?.length, id);
  }
});

/** @param {(number | null)[][]} hour @param {(number | null)[][]} recent @param {[(number | null)[], number]} expected first job's line, and over how long */
function checkHistory(hour, recent, expected) {
  const rows = (/** @type {(number | null)[][]} */ lines) => lines.map((values, at) => ({ labels: { job: 'ab'[at] }, values }));
  const answer = (/** @type {string} */ id, /** @type {(number | null)[][]} */ lines, /** @type {number} */ step) => ({ id, start: 0, step, count: lines[0]?.length ?? 0, series: rows(lines) });
  const [a] = servicesOf([one('up', [{ job: 'a' }, 1], [{ job: 'b' }, 1]), answer('hour', hour, 60_000), answer('recent', recent, 10_000)], []);
  assert.deepEqual([a.history, a.historyMs], expected);
}

test('the line shows what there is: from the first value of any job on', () => {
  checkHistory([], [], [[], 0]);
  checkHistory([[null, null, 1]], [[null, 5, 6, 7]], [[5, 6, 7], 20_000]);
  checkHistory([[null, 2]], [[null, null, 6], [null, 1, 1]], [[null, 6], 10_000]);
  const long = new Array(16).fill(3);
  checkHistory([[null, ...long]], [[1, 2]], [long, 900_000]);
  checkHistory([[4, null, null]], [], [[4, null, null], 120_000]);
});

test('a series without a value now is no instance', () => {
  assert.deepEqual(servicesOf([one('up', [{ job: 'gone' }, null])], []), []);
});
