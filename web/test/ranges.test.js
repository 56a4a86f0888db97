import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dragged, pinned, rangeName, refreshMs, shifted, zoomedOut } from '../lib/ranges.js';

const NOW = Date.UTC(2026, 10, 20, 14, 35, 10);

test('names of ranges', () => {
  const check = (from, to, name) => assert.equal(rangeName({ from, to }, true, NOW), name);
  check('now-1h', 'now', 'Last hour');
  check('now-1d/d', 'now-1d/d', 'Yesterday');
  check('now-2h', 'now', 'Last 2 hours');
  check('now-1M', 'now', 'Last month');
  check(String(NOW), String(NOW + 90_000), '2026-11-20 14:35:10 to 14:36:40');
  check('2026-11-19', '2026-11-20 10:00', '2026-11-19 00:00 to 2026-11-20 10:00');
  check(String(NOW), 'now', '2026-11-20 14:35:10 to now');
  check('???', 'now', '??? to now');
});

test('shifting by half a range, never beyond now', () => {
  assert.deepEqual(shifted({ from: 0, to: 1000 }, -1, 5000), { from: -500, to: 500 });
  assert.deepEqual(shifted({ from: 0, to: 1000 }, 1, 5000), { from: 500, to: 1500 });
  assert.deepEqual(shifted({ from: 0, to: 1000 }, 1, 1200), { from: 200, to: 1200 });
  assert.deepEqual(shifted({ from: 0, to: 1000 }, 1, 900), { from: 0, to: 1000 });
});

test('zooming out doubles around the middle, or to the left at now', () => {
  assert.deepEqual(zoomedOut({ from: 0, to: 1000 }, 9000), { from: -500, to: 1500 });
  assert.deepEqual(zoomedOut({ from: 0, to: 1000 }, 1000), { from: -1000, to: 1000 });
});

test('a dragged range has an order and a least length', () => {
  assert.deepEqual(dragged(9000, 1000), { from: 1000, to: 9000 });
  assert.deepEqual(dragged(5000, 5000), { from: 4500, to: 5500 });
  assert.deepEqual(pinned({ from: 1.4, to: 2.6 }), { from: '1', to: '3' });
});

test('refresh intervals', () => {
  for (const [text, ms] of [['off', 0], ['', 0], [null, 0], [false, 0], ['5s', 5000], ['1m', 60_000], ['10ms', 1000], ['often', 0]]) assert.equal(refreshMs(text), ms, String(text));
});
