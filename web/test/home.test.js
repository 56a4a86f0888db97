import assert from 'node:assert/strict';
import { test } from 'node:test';
import { historyPlan, spansOf, spansText } from '../lib/alerthistory.js';
import { budgetState, budgetsOf, lastsText } from '../lib/budgets.js';
import { changesOf } from '../lib/changes.js';

const one = (/** @type {string} */ id, /** @type {Record<string, string>} */ labels, /** @type {any} */ value) => ({ id, series: [{ labels, values: [value] }] });

test('budgets: the least left first, days by the pace of the last day', () => {
  const labels = (/** @type {string} */ id) => ({ sloth_id: id, sloth_service: 'pay', sloth_slo: id });
  const left = { id: 'budget-left', series: [{ labels: labels('a'), values: [0.9] }, { labels: labels('b'), values: [-0.1] }, { labels: labels('c'), values: ['NaN'] }] };
  const rows = budgetsOf(/** @type {any} */ ([left, one('budget-lasts', labels('a'), 86_400 * 3.5), one('budget-burn', labels('a'), 2), one('budget-period', labels('a'), 30)]));
  assert.deepEqual(rows.map((row) => [row.id, row.daysLeft]), [['b', 0], ['a', 3.5]]);
  assert.deepEqual(rows.map(lastsText), ['nothing left', '3 days left']);
  assert.deepEqual(rows.map((row) => budgetState(row).word), ['Spent', 'Going down']);
  assert.equal(lastsText({ ...rows[1], daysLeft: null }), 'nothing is spent');
  assert.equal(lastsText({ ...rows[1], daysLeft: 90 }), 'lasts the 30 days');
  assert.equal(lastsText({ ...rows[1], daysLeft: 0.5 }), '12 h left');
});

test('changes: starts at one time are one change, a first load is none', () => {
  const series = (/** @type {[string, number][]} */ list) => list.map(([instance, at]) => ({ labels: { job: 'j', instance }, values: [at] }));
  const changes = changesOf([
    { id: 'change-start', series: series([['a-2', 1000], ['a-10', 1010], ['b', 5000], ['m', 1001]]) },
    { id: 'change-reload', series: series([['m', 1002], ['n', 4000]]) },
    { id: 'change-version', series: [{ labels: { job: 'web', version: '2' }, values: [1] }] },
  ]);
  assert.deepEqual(changes.map((change) => change.text), ['b started', 'n loaded its configuration anew', '3 processes started', 'web runs version 2']);
  assert.deepEqual(changes[2].names, ['a-2', 'a-10', 'm']);
});

test('the history of an alert as spans', () => {
  const plan = historyPlan('A"b', 1_000_000_000);
  assert.match(plan.targets[0].expr, /alertname="A\\"b"/);
  const result = (/** @type {string} */ id, /** @type {(number | null)[]} */ values) => ({ id, start: 0, step: 10, count: 5, series: [{ labels: {}, values }] });
  const spans = spansOf([result('pending', [1, 1, 1, null, 1]), result('firing', [null, null, 1, 1, null])]);
  assert.deepEqual(spans, [{ state: 'pending', from: -10, to: 10 }, { state: 'firing', from: 10, to: 30 }, { state: 'pending', from: 30, to: 40 }]);
  assert.equal(spansText(spans), 'fired once in the last 24 hours, pending 2 times');
  assert.equal(spansText(spansOf([{ id: 'pending' }, { id: 'firing' }])), 'quiet for the last 24 hours');
});
