// Messages of the inbox.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { incidentsOf, slackColor, slackPieces, titleOf } from '../lib/messages.js';

test('Slack’s markup is taken apart', () => {
  const check = (text, expected) => assert.deepEqual(slackPieces(text).map(({ kind, text: words, href }) => [kind, words, href ?? ''].join('|')), expected, text);
  check('plain', ['text|plain|']);
  check('a *b* _c_ `d`', ['text|a |', 'bold|b|', 'text| |', 'italic|c|', 'text| |', 'code|d|']);
  check('see <http://x/y|here> or <https://z>', ['text|see |', 'link|here|http://x/y', 'text| or |', 'link|https://z|https://z']);
  check('snake_case_name and 2*3*4', ['text|snake_case_name and 2*3*4|']);
  check('a &lt;b&gt; &amp;amp;', ['text|a <b> &amp;|']);
  check('<javascript:alert(1)|x>', ['text|<javascript:alert(1)|x>|']);
  check('', []);
});

test('colours are Slack’s words or colours, nothing else', () => {
  assert.deepEqual(['danger', 'good', '#439FE0', 'red; background: url(x)', undefined].map(slackColor), ['var(--crit)', 'var(--ok)', '#439FE0', 'var(--line)', 'var(--line)']);
});

test('events of one key are one incident, as the newest says', () => {
  const event = (at, action, key = 'k') => ({ received_at: at, kind: 'pagerduty', body: { dedup_key: key, event_action: action, payload: { summary: `${key} ${at}` } } });
  const found = incidentsOf([event('3', 'resolve'), { received_at: '3', kind: 'slack', body: {} }, event('2', 'trigger', 'l'), event('1', 'trigger')]);
  assert.deepEqual(found.map(({ key, open, first, last, events }) => [key, open, first, last, events]), [['k', false, '1', '3', 2], ['l', true, '2', '2', 1]]);
});

test('every kind has a line', () => {
  assert.equal(titleOf({ received_at: '', kind: 'webhook', body: { commonLabels: { alertname: 'A' }, alerts: [{ status: 'firing' }, { status: 'resolved' }] } }), 'A, 1 firing, 1 resolved');
  assert.equal(titleOf({ received_at: '', kind: 'email', body: { subject: 's' } }), 's');
  assert.equal(titleOf({ received_at: '', kind: 'slack', body: { attachments: [{ title: 't' }] } }), 't');
  assert.equal(titleOf({ received_at: '', kind: 'slack', body: {} }), '');
});
