import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAgo, formatDuration, formatTime, parseDuration, parseTime, resolveRange, zoneName } from '../lib/time.js';

// A Friday, so that weeks have something to round.
const NOW = Date.UTC(2026, 10, 20, 14, 35, 10);

/** @param {string} typed @param {string | null} expected ISO, or null @param {boolean} end */
function check(typed, expected, end = false) {
  const at = parseTime(typed, { now: NOW, end, utc: true });
  assert.equal(at === null ? null : new Date(at).toISOString(), expected, typed);
}

test('relative times', () => {
  check('now', '2026-11-20T14:35:10.000Z');
  check(' now-6h ', '2026-11-20T08:35:10.000Z');
  check('now-90s', '2026-11-20T14:33:40.000Z');
  check('now-1d+2h', '2026-11-19T16:35:10.000Z');
  check('now-1M', '2026-10-20T14:35:10.000Z');
  check('now-2w', '2026-11-06T14:35:10.000Z');
  check('now-1y', '2025-11-20T14:35:10.000Z');
});

test('rounded times keep the start or the end of the unit', () => {
  check('now/d', '2026-11-20T00:00:00.000Z');
  check('now/d', '2026-11-20T23:59:59.999Z', true);
  check('now-1d/d', '2026-11-19T00:00:00.000Z');
  check('now-1d/d', '2026-11-19T23:59:59.999Z', true);
  check('now/w', '2026-11-16T00:00:00.000Z');
  check('now/w', '2026-11-22T23:59:59.999Z', true);
  check('now/M', '2026-11-01T00:00:00.000Z');
  check('now/y', '2026-01-01T00:00:00.000Z');
  check('now/h', '2026-11-20T14:00:00.000Z');
});

test('calendar times and epochs', () => {
  check('2026-11-20 14:00', '2026-11-20T14:00:00.000Z');
  check('2026-11-20 14:00:05', '2026-11-20T14:00:05.000Z');
  check('2026-1-2', '2026-01-02T00:00:00.000Z');
  check('2026-01-02', '2026-01-02T23:59:59.999Z', true);
  check('2026-11-20T14:00:00Z', '2026-11-20T14:00:00.000Z');
  check('2026-11-20T14:00:00+02:00', '2026-11-20T12:00:00.000Z');
  check(String(NOW), '2026-11-20T14:35:10.000Z');
});

test('what is no time', () => {
  for (const typed of ['', 'yesterday', 'now-', 'now-2x', 'now/q', '2026-13-01', '2026-02-30', '2026-11-20 25:00', '2026-11-20 14:75', '-5', '12']) check(typed, null);
});

test('local times read as the reader writes them', () => {
  const at = parseTime('2026-11-20 14:00', { now: NOW, end: false, utc: false });
  assert.equal(at, new Date(2026, 10, 20, 14, 0, 0).getTime());
});

test('ranges', () => {
  assert.deepEqual(resolveRange({ from: 'now-1h', to: 'now' }, NOW, true), { from: NOW - 3_600_000, to: NOW });
  assert.equal(resolveRange({ from: 'now', to: 'now-1h' }, NOW, true), null);
  assert.equal(resolveRange({ from: 'now', to: 'now' }, NOW, true), null);
  assert.equal(resolveRange({ from: 'nonsense', to: 'now' }, NOW, true), null);
});

test('durations are read', () => {
  for (const [text, ms] of /** @type {[string, number | null][]} */ ([['15s', 15_000], ['1h30m', 5_400_000], ['500ms', 500], ['1d', 86_400_000], ['', null], ['5', null], ['1x', null], ['off', null]])) {
    assert.equal(parseDuration(text), ms, text);
  }
});

test('durations are written in two units at most', () => {
  for (const [ms, text] of /** @type {[number, string][]} */ ([[0, '0ms'], [340, '340ms'], [3200, '3.2s'], [3000, '3s'], [65_000, '1m 5s'], [7_500_000, '2h 5m'], [86_400_000, '1d'], [90_061_000, '1d 1h'], [86_460_000, '1d'], [59_999, '1m']])) {
    assert.equal(formatDuration(ms), text, String(ms));
  }
  assert.equal(formatAgo(1000, 4200), '3.2s ago');
  assert.equal(formatAgo(5000, 4200), 'now');
});

test('times are written', () => {
  assert.equal(formatTime(NOW, true), '2026-11-20 14:35:10');
  assert.equal(zoneName(NOW, true), 'UTC');
});
