import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchPath, withRange, withSearch } from '../lib/route.js';

test('paths', () => {
  const check = (path, page, uid = '') => assert.deepEqual(matchPath(path), { page, uid }, path);
  check('/', 'home');
  check('/dashboards', 'dashboards');
  check('/dashboards/', 'dashboards');
  check('/targets', 'targets');
  check('/alerts', 'alerts');
  check('/alerts/history', 'history');
  check('/alerts/routes/', 'routes');
  check('/silences', 'silences');
  check('/inbox', 'inbox');
  check('/alerts/nothing', 'lost');
  check('/status', 'status');
  check('/d/abc', 'dashboard', 'abc');
  check('/d/abc/some-title', 'dashboard', 'abc');
  check('/d/a%20b', 'dashboard', 'a b');
  check('/d/a%', 'dashboard', 'a%');
  check('/d/', 'lost');
  check('/d/a/b/c', 'lost');
  check('/nowhere', 'lost');
  check('/__proto__', 'lost');
});

test('parameters set, repeated and removed', () => {
  assert.equal(withSearch('?from=now-1h&q=x', { q: null }), '?from=now-1h');
  assert.equal(withSearch('', { q: null }), '');
  assert.equal(withSearch('?a=1', { 'var-x': ['b', 'c'] }), '?a=1&var-x=b&var-x=c');
  assert.equal(withSearch('?var-x=b&var-x=c', { 'var-x': [] }), '');
  assert.equal(withSearch('?a=1', { a: '2' }), '?a=2');
});

test('the range goes along to another page, the rest stays', () => {
  assert.equal(withRange('/d/x', '?from=now-2h&to=now&q=y&viewPanel=3&refresh=off'), '/d/x?from=now-2h&to=now');
  assert.equal(withRange('/', '?q=y'), '/');
});
