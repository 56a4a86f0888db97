// What a form of a silence holds and what becomes of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyOf, draftOf, draftOfSilence, matcherOf, parseRow, problemOf, rowOf, rowText, silenceLink } from '../lib/silences.js';

test('conditions are read as they are written', () => {
  for (const [text, name, op, value] of [
    ['a="b"', 'a', '=', 'b'],
    ['a = b', 'a', '=', 'b'],
    ['a!="b c"', 'a', '!=', 'b c'],
    ['a=~"x|y.*"', 'a', '=~', 'x|y.*'],
    ['a!~""', 'a', '!~', ''],
    ['a="say \\"no\\" \\\\ twice"', 'a', '=', 'say "no" \\ twice'],
    ['a="two\\nlines"', 'a', '=', 'two\nlines'],
    ['a=', 'a', '=', ''],
  ]) {
    const row = parseRow(text);
    assert.deepEqual(row, { name, op, value }, text);
    assert.deepEqual(parseRow(rowText(/** @type {any} */ (row))), row, `${text} again`);
  }
  for (const wrong of ['', 'a', '="b"', 'a="b', 'a b="c"']) assert.equal(parseRow(wrong), null, wrong);
});

test('conditions go to the API and come back', () => {
  for (const op of /** @type {const} */ (['=', '!=', '=~', '!~'])) {
    const row = { name: 'a', op, value: 'b' };
    assert.deepEqual(rowOf(matcherOf(row)), row);
  }
  assert.deepEqual(rowOf({ name: 'a', value: 'b', isRegex: false }), { name: 'a', op: '=', value: 'b' });
});

test('an alert makes a form that silences it alone, by a link', () => {
  const link = silenceLink({ job: 'a b', alertname: 'X"Y' });
  const draft = draftOf(new URL(link, 'http://x').searchParams, 'me');
  assert.deepEqual(draft.rows, [{ name: 'alertname', op: '=', value: 'X"Y' }, { name: 'job', op: '=', value: 'a b' }]);
  assert.deepEqual([draft.length, draft.by, draft.id], ['2h', 'me', '']);
});

test('what cannot be sent is said', () => {
  const good = { id: '', rows: [{ name: 'a', op: /** @type {const} */ ('='), value: 'b' }], length: '2h', startsAt: '', by: 'me', comment: 'work' };
  assert.equal(problemOf(good), '');
  const check = (/** @type {any} */ part, /** @type {RegExp} */ said) => assert.match(problemOf({ ...good, ...part }), said);
  check({ rows: [{ name: '', op: '=', value: 'b' }] }, /name of a label/);
  check({ rows: [{ name: 'a', op: '=', value: '' }] }, /everything/);
  check({ rows: [{ name: 'a', op: '!=', value: 'b' }] }, /everything/);
  check({ length: 'long' }, /how long/);
  check({ length: '0s' }, /how long/);
  check({ by: ' ' }, /who/);
  check({ comment: '' }, /why/i);
});

test('a change keeps the beginning and counts from now', () => {
  const now = Date.parse('2026-01-01T12:00:00Z');
  const silence = { id: 'i', status: { state: /** @type {const} */ ('active') }, matchers: [{ name: 'a', value: 'b', isRegex: false, isEqual: true }], startsAt: '2026-01-01T11:00:00Z', endsAt: '2026-01-01T13:30:00Z', updatedAt: '', createdBy: 'me', comment: 'work' };
  const draft = draftOfSilence(silence, now);
  assert.deepEqual([draft.id, draft.length], ['i', '1h30m']);
  const body = bodyOf(draft, now);
  assert.deepEqual([body.id, body.startsAt, body.endsAt], ['i', '2026-01-01T11:00:00.000Z', '2026-01-01T13:30:00.000Z']);
  // One that is over is made anew.
  const again = bodyOf(draftOfSilence({ ...silence, status: { state: 'expired' } }, now), now);
  assert.deepEqual([again.id, again.startsAt], [undefined, '2026-01-01T12:00:00.000Z']);
});
