// Step arithmetic against the check table of the dashboard specification, part 6.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignDown, formatDuration, parseDuration, planStep, POINTS_MAX, roundInterval } from '../lib/step.js';

const HOUR = 3_600_000;

/** @param {Partial<import('../lib/step.js').StepInput>} given @param {[string, string, string]} expected interval, step, rate interval */
function check(given, expected) {
  const plan = planStep({ rangeMs: HOUR, widthPx: 900, scrapeMs: 15_000, ...given });
  assert.deepEqual([plan.intervalMs, plan.stepMs, plan.rateIntervalMs].map(formatDuration), expected, JSON.stringify(given));
}

test('the check table', () => {
  check({}, ['15s', '15s', '1m']);
  check({ rangeMs: 24 * HOUR }, ['2m', '2m', '135s']);
  check({ rangeMs: 168 * HOUR }, ['10m', '10m', '615s']);
  check({ targetInterval: '1m' }, ['15s', '1m', '4m']);
  check({ rangeMs: 6 * HOUR, widthPx: 100 }, ['5m', '5m', '315s']);
  check({ intervalFactor: 2 }, ['15s', '30s', '1m']);
});

test('the lab scrapes every 2 s', () => {
  check({ rangeMs: HOUR / 4, widthPx: 570, scrapeMs: 2000 }, ['2s', '2s', '8s']);
  check({ rangeMs: HOUR / 12, widthPx: 570, scrapeMs: 2000 }, ['2s', '2s', '8s']);
});

test('intervals of panels and targets', () => {
  check({ panelInterval: '>5m' }, ['5m', '5m', '315s']);
  check({ panelInterval: '1m' }, ['1m', '1m', '75s']);
  check({ targetInterval: '$__interval' }, ['15s', '15s', '1m']);
  check({ targetInterval: '$__rate_interval' }, ['15s', '1m', '1m']);
  check({ targetInterval: '30' }, ['15s', '30s', '2m']);
  check({ targetInterval: 'nonsense' }, ['15s', '15s', '1m']);
  check({ widthPx: 1 }, ['1h', '1h', '3615s']);
  check({ intervalFactor: 10 }, ['15s', '150s', '1m']);
});

test('never more points than the API answers', () => {
  for (const rangeMs of [1, 1000, HOUR, 17 * POINTS_MAX * 1000, 1e12]) {
    for (const widthPx of [0, 1, 900, 1e6]) {
      const { stepMs } = planStep({ rangeMs, widthPx, scrapeMs: 1 });
      assert.ok(Math.floor(rangeMs / stepMs) + 1 <= POINTS_MAX, `${rangeMs} ms at ${widthPx} px gives ${rangeMs / stepMs} steps`);
    }
  }
});

test('rounding takes the first bound above', () => {
  for (const [given, nice] of [[0, 1], [9, 1], [10, 10], [1499, 1000], [1500, 2000], [44_999, 30_000], [45_000, 60_000], [604_800_000, 604_800_000], [1e15, 31_536_000_000]]) {
    assert.equal(roundInterval(given), nice, String(given));
  }
});

test('durations', () => {
  for (const [text, ms] of /** @type {Array<[unknown, number | null]>} */ ([['15s', 15_000], ['1h30m', 5_400_000], ['500ms', 500], ['90', 90_000], ['>1m', 60_000], ['', null], [null, null], ['0s', null], ['5 apples', null], ['1d', 86_400_000]])) {
    assert.equal(parseDuration(text), ms, String(text));
  }
  assert.deepEqual([120_000, 615_000, 7_200_000, 1500, 86_400_000].map(formatDuration), ['2m', '615s', '2h', '1500ms', '1d']);
});

test('daily steps begin at local midnight', () => {
  const day = 86_400_000;
  assert.equal(alignDown(Date.UTC(2026, 0, 5, 23, 30), day, HOUR), Date.UTC(2026, 0, 5, 23));
  assert.equal(alignDown(Date.UTC(2026, 0, 5, 23, 30), day, 0), Date.UTC(2026, 0, 5));
});
