import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asJson, asText, isoNs } from '../lib/logexport.js';
import { readFields, sectionsOf, statsOf } from '../lib/logfields.js';
import { linesOf } from '../lib/loglines.js';
import { EMPTY_TAIL, LIVE_LINES_MAX, tailReader, withMessages } from '../lib/logtail.js';
import { mergedVolume, volumePanel, volumeTargets } from '../lib/logvolume.js';
import { toFrames } from '../lib/frames.js';

const TARGET = /** @type {any} */ ({ refId: 'A', json: {} });

/** @param {string[]} lines @param {any} [more] */
const answer = (lines, more = {}) => linesOf([{ target: TARGET, instant: false, result: { id: '4:A', kind: 'logs', times_ns: lines.map((_, at) => String(at + 1)), lines, label_sets: [{ job: 'a' }], labels: lines.map(() => 0), ...more } }]);

test('fields of JSON and of pairs', () => {
  const fields = (/** @type {string} */ line) => readFields(line).fields.map(({ name, value, isList }) => [name, value, ...(isList ? ['list'] : [])]);
  assert.deepEqual(fields('{"a":1,"b":{"c":"x","d":{"e":null}},"f":[1,{"g":2}],"h":true}'), [['a', '1'], ['b_c', 'x'], ['b_d_e', ''], ['f', '[1,{"g":2}]', 'list'], ['h', 'true']]);
  assert.deepEqual(fields('a=1 b="x \\"y\\"" c='), [['a', '1'], ['b', 'x "y"'], ['c', '']]);
  assert.deepEqual([fields('only one=1'), fields('{bad'), fields('')], [[], [], []]);
});

test('each field knows how a query comes by it', () => {
  const [line] = answer(['{"status":500,"job":"a","level":"INFO","view":"x","my.key":"k","list":[1]}'], {
    label_sets: [{ job: 'a', view: 'x', service: 's' }], parsed: [['view']], metadata: [{ level: 'WARN' }],
  });
  const [inside, made, labels, metadata] = sectionsOf(line);
  assert.deepEqual([made, labels, metadata].map(({ title, fields }) => [title, ...fields.map(({ choice }) => `${choice?.name} ${choice?.from}`)]), [['Made by the query', 'view label'], ['Labels', 'job stream', 'service stream'], ['Metadata', 'level label']]);
  assert.deepEqual(inside.fields.map(({ name, choice }) => `${name}: ${choice ? `${choice.name} ${choice.from}` : 'none'}`), ['status: status json', 'job: job stream', 'level: level_extracted json', 'view: view label', 'my.key: my_key json', 'list: none']);
});

test('how often each value occurs', () => {
  const lines = answer(['a=1 b=x', 'a=1 b=y', 'a=2 b=z', 'no fields', 'a=3 b=x', 'a=4 b=x', 'a=5 b=x', 'a=6 b=x']);
  const stats = statsOf(lines, 'Fields of the line', 'a');
  assert.deepEqual([stats.withField, stats.total, stats.distinct], [7, 8, 6]);
  assert.deepEqual(stats.values.map(({ value, count }) => [value, count]), [['1', 2], ['2', 1], ['3', 1], ['4', 1], ['5', 1]]);
  assert.equal(stats.values[0].share, 2 / 7);
  assert.deepEqual(statsOf(lines, 'Labels', 'job').values, [{ value: 'a', count: 8, share: 1 }]);
});

test('a line has the same name after a refresh, and no two the same', () => {
  const names = (/** @type {string[]} */ times, /** @type {any[]} */ sets) => answer(times.map(() => 'x'), { times_ns: times, label_sets: sets, labels: times.map((_, at) => at % sets.length) }).map(({ key }) => key);
  const first = names(['5', '5', '4'], [{ a: '1' }]);
  const later = names(['6', '5', '5', '4'], [{ a: '1' }]);
  assert.deepEqual(later.slice(1), first);
  assert.equal(new Set(later).size, 4);
});

test('lines as files', () => {
  const lines = answer(['a "b"', 'c'], { times_ns: ['1763600000123456789', '1763600000000000001'] });
  assert.equal(isoNs(1763600000123456789n), '2025-11-20T00:53:20.123456789Z');
  assert.equal(asText(lines), '2025-11-20T00:53:20.123456789Z\ta "b"\n2025-11-20T00:53:20.000000001Z\tc\n');
  assert.deepEqual(JSON.parse(asJson(lines))[0], { time: '2025-11-20T00:53:20.123456789Z', timestamp_ns: '1763600000123456789', labels: { job: 'a' }, metadata: {}, line: 'a "b"' });
});

test('live lines: read once, bounded, counted', () => {
  const read = tailReader();
  const text = JSON.stringify({ streams: [{ stream: { job: 'a' }, values: [['2', 'two', { structuredMetadata: { level: 'error' } }], ['1', 'one', { parsed: { x: 'y' } }]] }], dropped_entries: [{ labels: {}, timestamp: '1' }, { labels: {}, timestamp: '1' }] });
  const first = read(text);
  assert.deepEqual(first.lines.map(({ line, labels, parsed, level }) => [line, labels, parsed, level]), [['one', { job: 'a', x: 'y' }, ['x'], 'unknown'], ['two', { job: 'a' }, [], 'error']]);
  const again = read(text);
  assert.deepEqual([again.lines.length, again.count], [0, 2]);
  const many = read(JSON.stringify({ streams: [{ stream: {}, values: Array.from({ length: LIVE_LINES_MAX }, (_, at) => [String(at + 10), 'x', {}]) }] }));
  const tail = withMessages(withMessages(EMPTY_TAIL, [first, again]), [{ ...many, gap: true }]);
  assert.deepEqual([tail.lines.length, tail.received, tail.dropped, tail.gaps, tail.lines[0].ns], [LIVE_LINES_MAX, LIVE_LINES_MAX + 2, 4, 1, 10n]);
});

test('lines over time: spans that end at multiples of the step, all queries and spellings of a level together', () => {
  const [one, two, ...rest] = volumeTargets(['{a="b"}', '', '{c="d"} |= "e"'], { from: 1_000_500, to: 1_060_500 });
  assert.deepEqual([one.step_ms, one.from, one.to, one.id, two.id, rest.length], [1000, 1_001_000, 1_061_000, '3:A', '3:C', 0]);
  assert.match(two.expr, /^sum by \(level, detected_level\) \(count_over_time\(\{c="d"\} \|= "e" \| drop .* \[1s\]\)\)$/);
  const result = (/** @type {string} */ id, /** @type {any} */ series) => ({ id, start: 0, step: 1000, count: 2, series });
  const merged = mergedVolume([
    result('3:A', [{ labels: { level: 'INFO', detected_level: 'info' }, values: [1, null] }, { labels: { detected_level: 'error' }, values: [2, 2] }, { labels: {}, values: [null, 4] }]),
    result('3:B', [{ labels: { detected_level: 'info' }, values: [1, 1] }]),
    { id: '4:A', kind: 'logs' },
  ]);
  assert.deepEqual(merged?.series, [{ labels: { level: 'error' }, values: [2, 2] }, { labels: { level: 'info' }, values: [2, 1] }, { labels: { level: 'unknown' }, values: [0, 4] }]);
  assert.deepEqual(toFrames(volumePanel(true), merged ? [merged] : []).fields.map(({ name }) => name), ['error', 'info', 'unknown']);
  assert.equal(mergedVolume([{ id: '3:A', error: { message: 'no' } }]), null);
});
