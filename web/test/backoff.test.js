// How long to wait before the next try.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryPause } from '../lib/backoff.js';

test('pauses double from a second to half a minute', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 1000].map(retryPause), [1, 2, 4, 8, 16, 30, 30, 30].map((s) => s * 1000));
  assert.equal(retryPause(0), 1000);
});
