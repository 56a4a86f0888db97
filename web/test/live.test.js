// A stream of rounds: the request, how spans move, and the reading of events.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventReader } from '../lib/eventstream.js';
import { isAsked, liveRequest, movedTargets, movesOf } from '../lib/live.js';
import { planTargets } from '../lib/plan.js';
import { resolveRange } from '../lib/time.js';

const NOW = 1_763_603_607_321;
const EVERY = 10_000;

/** @param {any} json @param {{from: string, to: string}} text @param {number} now */
function planAt(json, text, now) {
  const own = /** @type {import('../lib/types.d.ts').Range} */ (resolveRange(text, now, true));
  return { own, plan: planTargets({ id: 4, type: 'timeseries', ...json }, { ...own, widthPx: 700, scrapeIntervalMs: 15_000, utcOffsetMs: 0, variables: {} }) };
}

/** Whether the stream goes on to ask what the page would. @param {any} json @param {{from: string, to: string}} text */
function follows(json, text) {
  const { own, plan } = planAt(json, text, NOW);
  const panel = { own, plan, later: planAt(json, text, NOW + EVERY).own };
  const moves = movesOf(panel, EVERY);
  return [0, 1, 2679, 7679, 10_000, 52_004, 3_600_000].map((elapsed) => isAsked(movedTargets(plan, moves, elapsed), planAt(json, text, NOW + elapsed).plan));
}

const all = (/** @type {boolean} */ value) => new Array(7).fill(value);
const HOUR = { from: 'now-1h', to: 'now' };

test('a stream asks what the page would ask, at every moment', () => {
  const range = { targets: [{ refId: 'A', expr: 'up' }] };
  assert.deepEqual(follows(range, HOUR), all(true));
  assert.deepEqual(follows(range, { from: 'now-7d', to: 'now' }), all(true));
  assert.deepEqual(follows({ targets: [{ refId: 'A', expr: 'up', instant: true }, { refId: 'B', expr: 'up' }] }, HOUR), all(true));
  assert.deepEqual(follows({ targets: [{ refId: 'A', expr: 'up', instant: true }] }, HOUR), all(true));
  assert.deepEqual(follows({ type: 'heatmap', targets: [{ refId: 'A', expr: 'x', format: 'heatmap' }] }, HOUR), all(true));
  assert.deepEqual(follows({ type: 'logs', datasource: { type: 'loki' }, targets: [{ refId: 'A', expr: '{a="b"}' }] }, HOUR), all(true));
  assert.deepEqual(follows(range, { from: 'now-1h', to: 'now-1m' }), all(true));
});

test('an end of a range that stands still stands still', () => {
  const { own, plan } = planAt({ targets: [{ refId: 'A', expr: 'up' }] }, { from: 'now/d', to: 'now' }, NOW);
  const [moves] = movesOf({ own, plan, later: { from: own.from, to: own.to + EVERY } }, EVERY);
  assert.equal(moves.from, undefined);
  assert.ok(Number(moves.to) >= 0 && Number(moves.to) < moves.grain_ms);
});

test('a query that names its range is noticed', () => {
  assert.deepEqual(follows({ targets: [{ refId: 'A', expr: 'x > $__to' }] }, HOUR), [true, ...all(false).slice(1)]);
});

test('the request joins the panels, with a move for each target', () => {
  const panel = (/** @type {any} */ json) => ({ ...planAt(json, HOUR, NOW), later: planAt(json, HOUR, NOW + EVERY).own });
  const request = liveRequest([panel({ targets: [{ refId: 'A', expr: 'a' }, { refId: 'B', expr: 'b' }] }), panel({ interval: '5m', targets: [{ refId: 'A', expr: 'c' }] })], EVERY, 3000.4);
  assert.deepEqual(request.round.targets.map((target) => target.expr), ['a', 'b', 'c']);
  assert.deepEqual(request.moves.map((move) => move.grain_ms), [15_000, 15_000, 300_000]);
  assert.deepEqual([request.every_ms, request.first_ms, request.round.why], [EVERY, 3000, true]);
});

test('events come in any pieces', () => {
  const text = ': hello\n\nevent: round\ndata: {"a": 1}\n\n:\n\nevent: end\ndata: x\ndata: y\n\ndata: z\n\nevent: half\nda';
  const expected = [{ name: 'round', data: '{"a": 1}' }, { name: 'end', data: 'x\ny' }, { name: 'message', data: 'z' }];
  for (const size of [1, 2, 3, 7, 1000]) {
    const read = eventReader();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...read(text.slice(at, at + size)));
    assert.deepEqual(events, expected, `in pieces of ${size}`);
  }
});
