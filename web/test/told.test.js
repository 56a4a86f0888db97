// Who was told of an alert, and what became of messages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerText, groupLabels, hasReceivers, rowsOf, tellingsOf } from '../lib/told.js';

/** @param {Partial<import('../lib/types.d.ts').Notification>} given */
const message = (given) => ({ at: '2026-01-01T00:00:10Z', receiver: 'inbox', integration: 'webhook', group: '{}:{alertname="X"}', status: /** @type {const} */ ('firing'), firing: 1, resolved: 0, attempts: 1, httpStatus: 200, error: null, tookMs: 4, ...given });
const LABELS = { alertname: 'X', job: 'a' };
const GROUP = { labels: { alertname: 'X' }, receiver: 'inbox', nextFlushInMs: 1500, alerts: [{ labels: { job: 'a', alertname: 'X' }, fingerprint: 'f', startsAt: '2026-01-01T00:00:09Z' }] };

/** @param {any[]} notifications @param {any[]} expected receiver, last told, last failure */
function check(notifications, expected) {
  const found = tellingsOf(LABELS, { groups: [GROUP], receivers: ['inbox'], notifications });
  assert.deepEqual(found.map(({ receiver, last, failed }) => [receiver, last?.at ?? null, failed?.error ?? null]), expected);
}

test('an alert is told by messages about its group since it began', () => {
  check([], [['inbox', null, null]]);
  check([message({})], [['inbox', '2026-01-01T00:00:10Z', null]]);
  check([message({ at: '2026-01-01T00:00:08Z' })], [['inbox', null, null]]);
  check([message({ receiver: 'other' })], [['inbox', null, null]]);
  check([message({ group: '{}:{alertname="Y"}' })], [['inbox', null, null]]);
  check([message({ firing: 0, resolved: 1 })], [['inbox', null, null]]);
});

test('a failure counts until a message is taken', () => {
  const failed = message({ at: '2026-01-01T00:00:20Z', error: 'connection refused', httpStatus: null });
  check([failed, message({})], [['inbox', '2026-01-01T00:00:10Z', 'connection refused']]);
  check([message({ at: '2026-01-01T00:00:30Z' }), failed], [['inbox', '2026-01-01T00:00:30Z', null]]);
});

test('an alert in no group goes nowhere', () => {
  assert.deepEqual(tellingsOf({ alertname: 'Z' }, { groups: [GROUP], receivers: ['inbox'], notifications: [] }), []);
});

test('the same failure again is one row, whatever comes between; answers that worked stay apart', () => {
  const failed = (/** @type {number} */ s, given = {}) => message({ at: `2026-01-01T00:00:${s}Z`, receiver: 'pager', error: 'connection refused', httpStatus: null, ...given });
  const rows = rowsOf([failed(40), message({}), failed(30), message({}), failed(20, { error: 'timed out' }), failed(10)]);
  assert.deepEqual(rows.map(({ receiver, times, firstAt }) => [receiver, times, firstAt.slice(17, 19)]), [['pager', 2, '30'], ['inbox', 1, '10'], ['inbox', 1, '10'], ['pager', 1, '20'], ['pager', 1, '10']]);
});

/** @param {string} key @param {Record<string, string> | null} expected */
function checkKey(key, expected) {
  assert.deepEqual(groupLabels(key), expected, key);
}

test('the receiver that stands for none is nobody', () => {
  const told = (/** @type {string[]} */ ...receivers) => ({ groups: [], receivers, notifications: [] });
  assert.deepEqual([told(), told('nobody'), told('inbox'), told('nobody', 'inbox')].map(hasReceivers), [false, false, true, true]);
});

test('labels of a group', () => {
  checkKey('{}:{alertname="X"}', { alertname: 'X' });
  checkKey('{}/{severity="critical"}:{a="1",b="2"}', { a: '1', b: '2' });
  checkKey('{}:{a="say \\"hi\\"", b=":{c=\\"d\\"}"}', { a: 'say "hi"', b: ':{c="d"}' });
  checkKey('{}:{}', {});
  checkKey('whatever', null);
});

test('answers in words', () => {
  assert.equal(answerText(message({})), 'HTTP 200 in 4 ms');
  assert.equal(answerText(message({ httpStatus: null, tookMs: 1234, attempts: 3 })), 'taken in 1.23 s, 3 tries');
  assert.equal(answerText(message({ error: 'connection refused', httpStatus: null, attempts: 4 })), 'connection refused, 4 tries');
  assert.equal(answerText(message({ error: 'the receiver is full', httpStatus: 503 })), 'HTTP 503: the receiver is full');
  assert.equal(answerText(message({ error: 'status 503', httpStatus: 503 })), 'status 503');
});
