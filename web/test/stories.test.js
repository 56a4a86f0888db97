// Moments in stories, and moments of outages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTimer, localised, momentOf, routeName } from '../lib/stories.js';

test('moments in sentences are the reader’s own', () => {
  const now = Date.parse('2026-11-20T12:00:00Z');
  assert.equal(localised('told at 2026-11-20T11:59:00Z, and at 2026-11-19T01:02:03.5Z.', now, true), 'told at 11:59:00, and at 2026-11-19 01:02:03.');
  assert.equal(localised('no moment 2026-11-20', now, true), 'no moment 2026-11-20');
});

test('an outage is asked for before the same alert fired again', () => {
  const one = (alert, firedAt) => ({ alert, firedAt, labels: {}, endedAt: null, told: [], untold: [], messages: 0, failures: 0, held: [], acknowledgedBy: null });
  const all = [one('a', '2026-01-01T00:00:30Z'), one('b', '2026-01-01T00:00:20Z'), one('a', '2026-01-01T00:00:10Z'), one('a', '2026-01-01T00:00:05Z')];
  assert.deepEqual(all.map((_, at) => momentOf(all, at)), ['', '', '1767225629.999', '1767225609.999']);
});

test('timers and routes have short names', () => {
  assert.deepEqual([0, 500, 1000, 90_000, 300_000, 14_400_000, 172_800_000].map(formatTimer), ['0s', '500ms', '1s', '90s', '5m', '4h', '2d']);
  assert.equal(routeName('{}'), 'the root route');
  assert.equal(routeName('{}/{team="db"}'), '{team="db"}');
});
