import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOf, languageOf, panelsOf, queriesOf, remembered, replacedPart, saidOf, unitOf } from '../lib/explore.js';
import { exploreAddress, fromGrafanaLink, fromGraphLink } from '../lib/explorelinks.js';
import { planTargets, toFrames } from '../lib/frames.js';
import { whyEmpty, whySentence } from '../lib/why.js';

test('queries come from the address', () => {
  assert.deepEqual(queriesOf(new URLSearchParams('expr=up&expr=a%2Bb')), ['up', 'a+b']);
  assert.deepEqual(queriesOf(new URLSearchParams('from=now-1h')), ['']);
  assert.equal(queriesOf(new URLSearchParams('expr=x&'.repeat(20))).length, 8);
});

test("Prometheus' links are read", () => {
  const read = (/** @type {string} */ text) => fromGraphLink(new URLSearchParams(text));
  assert.equal(read('expr=up'), null);
  assert.deepEqual(read('g0.expr=up&g0.tab=1'), { expr: ['up'], language: null, from: null, to: null });
  assert.deepEqual(read('g0.expr=up&g1.expr=down&g0.range_input=2h'), { expr: ['up', 'down'], language: null, from: 'now-2h', to: 'now' });
  const end = Date.UTC(2026, 10, 20, 12);
  assert.deepEqual(read('g0.expr=up&g0.range_input=30m&g0.end_input=2026-11-20+12:00:00'), { expr: ['up'], language: null, from: String(end - 1_800_000), to: String(end) });
  assert.deepEqual(read('g0.expr=up&g0.range_input=x'), { expr: ['up'], language: null, from: null, to: null });
});

test("Grafana's links to Explore are read", () => {
  const read = (/** @type {Record<string, string>} */ fields) => fromGrafanaLink(new URLSearchParams(fields));
  const pane = { datasource: 'loki', queries: [{ refId: 'A', expr: '{job="x"} |= "a&b"' }], range: { from: 'now-1h', to: 'now' } };
  assert.deepEqual(read({ schemaVersion: '1', panes: JSON.stringify({ a: pane }) }), { expr: ['{job="x"} |= "a&b"'], language: 'logql', from: 'now-1h', to: 'now' });
  assert.deepEqual(read({ left: JSON.stringify({ ...pane, datasource: 'prometheus' }) })?.language, null);
  assert.deepEqual(read({ panes: JSON.stringify({ a: pane }), time: '100000', 'time.window': '30000' }), { expr: ['{job="x"} |= "a&b"'], language: 'logql', from: '85000', to: '115000' });
  for (const panes of ['', '{', '1', 'null', '{}', '[]', '{"a":1}']) assert.equal(read({ panes }), null, panes);
  assert.deepEqual(read({ panes: '{"a":{}}' }), { expr: [], language: null, from: null, to: null });
  assert.equal(exploreAddress('logql', ['{a="b"}'], { from: '1', to: '2' }), '/explore?from=1&to=2&language=logql&expr=%7Ba%3D%22b%22%7D');
});

test('a graph and a table are asked for in one round, and each finds its own answer', () => {
  const { graph, table } = panelsOf(['up', ' ', 'x[5m]'], { style: 'stacked', kinds: ['vector', null, 'matrix'] });
  const input = { from: 0, to: 60_000, widthPx: 100, scrapeIntervalMs: 15_000, utcOffsetMs: 0 };
  const asked = [planTargets(graph, input), planTargets(table, input)].flatMap((plan) => plan.targets);
  assert.deepEqual(asked.map(({ id, expr, instant }) => [id, expr, instant]), [['1:A', 'up', false], ['2:A', 'up', true], ['2:C', 'x[5m]', true]]);
  const results = [
    { id: '1:A', start: 0, step: 15_000, count: 2, series: [{ labels: { job: 'a' }, values: [1, 2] }], took_ms: 2, series_read: 1, samples_read: 8 },
    { id: '2:A', start: 60_000, step: 1, count: 1, series: [{ labels: { job: 'a' }, values: [3] }], took_ms: 1, series_read: 1, samples_read: 1 },
    { id: '2:C', error: { message: 'no', start: 0, end: 1 } },
  ];
  assert.deepEqual(toFrames(graph, results).fields.map((field) => field.values), [[1, 2]]);
  assert.deepEqual(toFrames(table, results).fields.map((field) => field.values), [[3]]);
  assert.deepEqual(costOf(results), { tookMs: 2, series: 1, seriesRead: 2, samplesRead: 9, lines: 0, linesRead: 0, bytesRead: 0, stepMs: 15_000 });
  assert.equal(saidOf(results, 2).error?.message, 'no');
  assert.equal(saidOf(results, 0).why, null);
});

test('lines are asked for as lines, and what counts them says nothing about the query', () => {
  const { graph, table, lines } = panelsOf(['{a="b"}', 'rate({a="b"}[1m])', ''], { style: '', kinds: ['logs', 'vector', null], language: 'logql', oldest: true });
  const input = { from: 0, to: 60_000, widthPx: 100, scrapeIntervalMs: 15_000, utcOffsetMs: 0 };
  const asked = [graph, table, lines].flatMap((panel) => planTargets(panel, input).targets);
  assert.deepEqual(asked.map(({ id, language, instant, limit, direction }) => [id, language, instant, limit, direction]), [['1:B', 'logql', false, undefined, undefined], ['2:B', 'logql', true, undefined, undefined], ['4:A', 'logql', false, 1000, 'forward']]);
  const found = /** @type {any} */ ({ id: '4:A', kind: 'logs', times_ns: ['1'], lines: ['x'], labels: [0], label_sets: [{}] });
  assert.equal(saidOf([found, { id: '3:A', error: { message: 'too much' } }], 0).error, null);
  assert.equal(languageOf(new URLSearchParams('language=logql')), 'logql');
  assert.equal(languageOf(new URLSearchParams('language=sql')), 'promql');
});

test('a reason is said only when nothing came at all', () => {
  const why = /** @type {any} */ ({ kind: 'metric', message: 'Down since {at}.', start: 0, end: 2, at_ms: Date.UTC(2026, 0, 2, 3, 4, 5, 600) });
  assert.equal(whySentence(why, true), 'Down since 2026-01-02 03:04:05.');
  const empty = { id: '1:A', series: [], why };
  assert.equal(whyEmpty([empty], true), 'Down since 2026-01-02 03:04:05.');
  assert.equal(whyEmpty([empty, { id: '1:B', series: [{ labels: {}, values: [1] }] }], true), null);
  assert.deepEqual(saidOf([empty], 0).why, why);
});

test('the history has each query once, the newest first', () => {
  assert.deepEqual(remembered(['b', 'a'], [' a ', '']), ['a', 'b']);
  assert.equal(remembered(Array.from({ length: 200 }, (_, at) => String(at)), ['x']).length, 100);
});

test('places count bytes there and UTF-16 units here', () => {
  const text = 'up{a="ä€😀"} + x';
  const at = new TextEncoder().encode('up{a="ä€😀"} + ').length;
  assert.equal(text.slice(unitOf(text, at)), 'x');
  assert.equal(replacedPart(text, { start: at, end: at + 1 }, 'yy'), 'up{a="ä€😀"} + yy');
});
