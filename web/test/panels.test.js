// What panels beside series are made of: lines of logs, states, slices, bars, values of tables, texts with HTML, links, marks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { annotationPanel, annotationsOf, marksFor, marksOf } from '../lib/annotations.js';
import { layBars, niceTicks } from '../lib/bars.js';
import { isLogQuery, sourceOf } from '../lib/datasource.js';
import { planTargets, panelRange, toFrames } from '../lib/frames.js';
import { globalVariables, inputsOf } from '../lib/globals.js';
import { histogramOf } from '../lib/histogram.js';
import { interpolate } from '../lib/interpolate.js';
import { dashboardLinks, resolveLinks } from '../lib/links.js';
import { arranged, commonLabels, levelOf } from '../lib/loglines.js';
import { modernPanel } from '../lib/migrate.js';
import { slicePath, slicesOf } from '../lib/pie.js';
import { parseHtml, parseRich } from '../lib/richtext.js';
import { lanesOf, runAt, statesOf } from '../lib/timeline.js';
import { wholeDashboard } from '../lib/layout.js';
import { queryText, resolveOrder } from '../lib/variables.js';
import { linksOf, reducedFields } from '../panels/reduced.js';

/** @param {any} panel @param {any[]} series `[labels, values]` @param {any} [more] of the answer */
const frames = (panel, series, more = {}) =>
  toFrames({ id: 1, targets: [{ refId: 'A', expr: 'x', legendFormat: '{{n}}' }], ...panel }, [{ id: '1:A', start: 0, step: 10, count: series[0]?.[1].length ?? 0, series: series.map(([labels, values]) => ({ labels, values })), ...more }], { from: 0, to: 60 });

test('sources: by type, by variable, by input, by name, by expression', () => {
  const variables = { ds: { value: 'x', plugin: 'loki' }, DS_P: { value: 'prometheus', plugin: 'prometheus' } };
  const kind = (/** @type {any} */ datasource, expr = 'up', /** @type {any} */ panel = {}) => sourceOf({ datasource, expr }, panel, /** @type {any} */ (variables)).language;
  assert.deepEqual([kind({ type: 'prometheus', uid: 'abc' }), kind({ type: 'loki', uid: 'abc' }), kind({ uid: '$ds' }), kind('${ds}'), kind('${DS_P}'), kind('${DS_NOT_THERE}')], ['promql', 'logql', 'logql', 'logql', 'promql', 'promql']);
  assert.deepEqual([kind('my loki'), kind("Somebody's Prometheus"), kind(null), kind('default'), kind(null, '{a="b"} |= "x"'), kind(null, 'up', { type: 'logs' })], ['logql', 'promql', 'promql', 'promql', 'logql', 'logql']);
  assert.deepEqual([kind({ type: 'datasource', uid: '-- Mixed --' }), kind(undefined, 'up', { datasource: { type: 'mysql', uid: 'm' } })], ['promql', null]);
  assert.equal(sourceOf({ datasource: { type: 'tempo' } }, {}, {}).type, 'tempo');
  assert.deepEqual(['{a="b"}', ' # words\n{a="b"} | json', 'rate({a="b"}[1m])', 'sum(count_over_time({a="b"}[1m]))'].map(isLogQuery), [true, true, false, false]);
});

test('a query for lines has its own range and limit, one for numbers a step', () => {
  const panel = { id: 3, type: 'logs', datasource: { type: 'loki', uid: 'l' }, targets: [{ refId: 'A', expr: '{job="$job"}', maxLines: 50, direction: 'forward' }, { refId: 'B', expr: 'rate({job="x"}[$__auto])' }, { refId: 'C', expr: 'up', datasource: { type: 'mysql' } }] };
  const { targets } = planTargets(panel, { from: 1_000_123, to: 4_600_123, widthPx: 900, utcOffsetMs: 0, variables: { job: { value: ['a.b', 'c'], multi: true } } });
  assert.deepEqual(targets, [
    { id: '3:A', expr: '{job="a\\\\.b|c"}', step_ms: 5000, instant: false, language: 'logql', limit: 50, direction: 'forward', from: 1_000_123, to: 4_600_123 },
    { id: '3:B', expr: 'rate({job="x"}[5s])', step_ms: 5000, instant: false, language: 'logql' },
  ]);
});

test('numbers out of logs at one moment are a table', () => {
  const panel = { id: 1, type: 'table', datasource: { type: 'loki', uid: 'l' }, targets: [{ refId: 'A', expr: 'sum by (view) (count_over_time({a="b"}[5m]))', queryType: 'instant' }] };
  assert.deepEqual(planTargets(panel, { from: 0, to: 1000, widthPx: 100 }).targets.map((target) => [target.instant, target.language]), [[true, 'logql']]);
  const [table] = frames(panel, [[{ view: '/a' }, [3]], [{ view: '/b' }, [4]]]).tables;
  assert.deepEqual(table.columns.map((one) => [one.name, one.values]), [['Time', [0, 0]], ['view', ['/a', '/b']], ['Value #A', [3, 4]]]);
});

test('lines: levels, order, repeats, labels', () => {
  const panel = { type: 'logs', targets: [{ refId: 'A', expr: '{a="b"}' }] };
  const result = { id: '1:A', kind: 'logs', times_ns: ['1000000003', '1000000001', '1000000002'], lines: ['x 1', 'level=warn x 2', 'x 3'], label_sets: [{ job: 'a', i: '1' }, { job: 'a', i: '2' }], labels: [0, 1, 0], metadata: [null, { level: 'error' }, null] };
  const { lines, state } = toFrames({ id: 1, ...panel }, [/** @type {any} */ (result)]);
  assert.equal(state.kind, 'ok');
  assert.deepEqual(arranged(lines, {}).map(({ one }) => one.line), ['x 1', 'x 3', 'level=warn x 2']);
  assert.deepEqual(arranged(lines, { sortOrder: 'Ascending' }).map(({ one }) => one.ns), [1000000001n, 1000000002n, 1000000003n]);
  assert.deepEqual(arranged(lines, { dedupStrategy: 'numbers' }).map(({ one, repeats }) => [one.line, repeats]), [['x 1', 1], ['level=warn x 2', 0]]);
  assert.deepEqual([commonLabels(lines), lines[1].level, lines[0].ms], [{ job: 'a' }, 'error', 1000]);
  assert.deepEqual([levelOf('{"level":"INFO"}', {}), levelOf('2026 ERROR no', {}), levelOf('severity=debug', {}), levelOf('an erroneous day', {}), levelOf('error', { level: 'info' })], ['info', 'error', 'debug', 'unknown', 'info']);
});

test('states: runs of equal values, ended by gaps; by thresholds the span they lie in', () => {
  const mapped = { type: 'state-timeline', fieldConfig: { defaults: { mappings: [{ type: 'value', options: { 0: { text: 'down' }, 1: { text: 'up' } } }] } } };
  const [lane] = lanesOf(frames(mapped, [[{ n: 'a' }, [1, 1, 0, null, 1, 1]]]), { merge: true, theme: 'dark' });
  assert.deepEqual(lane.runs.map((run) => [run.from, run.to, run.text]), [[0, 20, 'up'], [20, 30, 'down'], [40, 60, 'up']]);
  assert.deepEqual([runAt(lane, 25)?.text, runAt(lane, 35), statesOf([lane]).map((state) => state.text)], ['down', null, ['up', 'down']]);
  const steps = { type: 'status-history', fieldConfig: { defaults: { thresholds: { steps: [{ color: 'green' }, { value: 5, color: 'red' }] } } } };
  const [cells] = lanesOf(frames(steps, [[{ n: 'a' }, [1, 2, 7]]]), { merge: false, theme: 'dark' });
  assert.deepEqual(cells.runs.map((run) => [run.from, run.text, run.color]), [[0, '< 5', '#73bf69'], [10, '< 5', '#73bf69'], [20, '5+', '#f2495c']]);
});

test('slices, bars and histograms', () => {
  assert.deepEqual(slicesOf([1, null, 3, -2], 'desc').map(({ at, share, from }) => [at, share, from]), [[2, 0.75, 0], [0, 0.25, 0.75], [1, 0, 1], [3, 0, 1]]);
  assert.ok(slicePath(slicesOf([5], 'none')[0], 0, 48).includes('A48 48 0 1 1'), 'a whole circle is drawn');
  const bar = (/** @type {string} */ key, /** @type {(number | null)[]} */ values) => /** @type {any} */ ({ key, name: key, color: '', values, hidden: false });
  assert.deepEqual(layBars([bar('a', [1, null]), bar('b', [2, -1])], 2, 'normal').bars.map(({ series, group, low, high }) => [series, group, low, high]), [[0, 0, 0, 1], [1, 0, 1, 3], [1, 1, -1, 0]]);
  assert.deepEqual(layBars([bar('a', [1]), bar('b', [3])], 1, 'percent').bars.map(({ low, high }) => [low, high]), [[0, 0.25], [0.25, 1]]);
  assert.deepEqual(niceTicks(0, 10, 4), [0, 2.5, 5, 7.5, 10]);
  assert.deepEqual(histogramOf([[1, 2, 12, NaN, null], [29]], { bucketSize: 10 }), { low: [0, 10, 20], high: [10, 20, 30], counts: [[2, 1, 0], [0, 0, 1]], total: [2, 1, 1] });
  assert.deepEqual(histogramOf([[5, 5]], {})?.total, [2]);
  assert.equal(histogramOf([[null]], {}), null);
});

test('values of a table: a tile a row, named by its texts; a column of text', () => {
  const panel = { type: 'stat', targets: [{ refId: 'A', expr: 'x', format: 'table', instant: true }], options: { reduceOptions: { values: true, limit: 2 } }, fieldConfig: { defaults: { unit: 's', links: [{ title: 'Go', url: '/d/x?i=${__data.fields.i}&v=${__value.text}' }] } } };
  const rows = [[{ i: 'a' }, [1]], [{ i: 'b' }, [2]], [{ i: 'c' }, [3]]];
  const tiles = reducedFields(panel, frames(panel, rows), 'dark');
  assert.deepEqual(tiles.map((one) => [one.field.name, one.value, one.display.text + one.display.suffix]), [['a', 1, '1 s'], ['b', 2, '2 s']]);
  assert.deepEqual(linksOf(tiles[1], {}), [{ title: 'Go', href: '/d/x?i=b&v=2%20s', blank: false }]);
  const text = { ...panel, options: { reduceOptions: { fields: '/^i$/', calcs: ['lastNotNull'] } } };
  assert.deepEqual(reducedFields(text, frames(text, rows), 'dark').map((one) => one.display.text), ['c']);
});

test('links: variables, series, cells, dashboards by tags; nothing that runs', () => {
  const variables = { job: { value: ['a', 'b c'], multi: true }, ...globalVariables({ uid: 'u', title: 'T' }, { from: 1, to: 2 }, { from: 'now-6h', to: 'now' }, { job: { value: ['a', 'b c'], text: '', multi: true, includeAll: false, allValue: null, options: [] } }) };
  const href = (/** @type {string} */ url, /** @type {any} */ subject) => resolveLinks([{ url, title: 'x' }], variables, subject)[0]?.href;
  const subject = { name: 'cpu & co', labels: { instance: 'h:1' }, text: '5 s', raw: 5, time: 7, row: [{ name: 'Service', text: 'web' }, { name: 'Value #A', text: '9' }] };
  assert.equal(href('/d/x?${__url_time_range}&${job:queryparam}&u=${__dashboard.uid}'), '/d/x?from=now-6h&to=now&var-job=a&var-job=b%20c&u=u');
  assert.equal(href('/d/x?${__all_variables}'), '/d/x?var-job=a&var-job=b%20c');
  assert.equal(href('/d/x?n=${__series.name}&i=${__field.labels.instance}&v=${__value.raw}&t=${__value.time}', subject), '/d/x?n=cpu%20%26%20co&i=h:1&v=5&t=7');
  assert.equal(href('/d/x?s=${__data.fields.Service}&a=${__data.fields["Value #A"]}&b=${__data.fields[0]}&c=$__cell_1&d=${__cell}', subject), '/d/x?s=web&a=9&b=web&c=9&d=5%20s');
  assert.equal(href('javascript:alert(1)'), undefined);
  assert.equal(href('${__value.raw}', { ...subject, raw: 'javascript:alert(1)' }), undefined);
  const entries = [{ uid: 'a', title: 'A', tags: ['x', 'y'] }, { uid: 'b', title: 'B', tags: ['x'] }].map((entry) => ({ ...entry, folder: '', description: '', url: `/d/${entry.uid}/s` }));
  const dashboard = { uid: 'u', links: [{ type: 'link', title: 'L', url: '/d/z?a=1', keepTime: true, includeVars: true }, { type: 'dashboards', tags: ['x', 'y'] }, { type: 'dashboards', title: 'M', tags: ['x'], asDropdown: true }, null] };
  assert.deepEqual(dashboardLinks(dashboard, variables, entries).map((link) => link.many?.map((one) => one.href) ?? link.href), ['/d/z?a=1&from=now-6h&to=now&var-job=a&var-job=b%20c', '/d/a/s', ['/d/a/s', '/d/b/s']]);
});

test('annotations: moments and spans, labels in words, panels left out', () => {
  const list = annotationsOf({ annotations: { list: [{ builtIn: 1, expr: 'x' }, { name: 'D', expr: 'changes(v[1m])', titleFormat: 'to {{v}}', tagKeys: 'v', iconColor: 'blue', filter: { exclude: true, ids: [7] } }, { name: 'off', target: { expr: 'y' }, enable: false }] } });
  assert.deepEqual(annotationPanel(list, new Set()).targets.map((target) => [target.expr, target.interval, target.hide]), [['changes(v[1m])', '60s', false], ['y', '60s', true]]);
  assert.equal(annotationPanel(list, new Set(['D', 'off'])).targets.map((target) => target.hide).join(), 'true,false');
  const answered = toFrames(annotationPanel(list, new Set()), [{ id: '-1:0', start: 0, step: 60, count: 6, series: [{ labels: { v: '2' }, values: [0, 1, 1, null, 0, 3] }] }], { from: 0, to: 1000 });
  const marks = marksOf(list, answered, {});
  assert.deepEqual(marks.map(({ from, to, title, tags, color }) => [from, to, title, tags, color]), [[60, 120, 'to 2', ['2'], 'blue'], [300, 300, 'to 2', ['2'], 'blue']]);
  assert.deepEqual([marksFor(marks, list, 7).length, marksFor(marks, list, 8).length], [0, 2]);
});

test('a panel may have a range of its own', () => {
  const range = { from: 0, to: 86_400_000 };
  assert.deepEqual(panelRange({ timeFrom: '1h', timeShift: '1d' }, range, {}), { from: -3_600_000, to: 0, note: 'last 1h, 1d earlier' });
  assert.deepEqual(panelRange({ timeFrom: 'now-$span', hideTimeOverride: true }, range, { span: '2h' }), { from: 79_200_000, to: 86_400_000, note: '' });
  assert.deepEqual(panelRange({}, range, {}), { ...range, note: '' });
});

test('HTML lets in what is harmless', () => {
  const text = (/** @type {any} */ nodes) => JSON.stringify(nodes);
  const evil = '<style>*{}</style><a href="java\tscript:x">a</a><a href="&#106;avascript:x">b</a><svg onload=x><p onclick="x" style="color:red;background:url(x);position:fixed">p</p></svg><iframe src="x">f</iframe><form><input></form><base href="x"><img src="data:text/html,x">';
  for (const nodes of [parseHtml(evil), parseRich(evil)]) assert.ok(!/javascript|onload|onclick|url\(|position|iframe|form|input|data:text|\*\{\}/.test(text(nodes)), text(nodes));
  assert.equal(text(parseHtml('<p style="color:red; text-align:center">x</p>')), '[{"tag":"p","props":{"style":"color:red; text-align:center"},"children":["x"]}]');
  assert.equal(text(parseRich('a <b>c</b> `<i>`')), '[{"tag":"p","children":["a ",{"tag":"b","props":{},"children":["c"]}," ",{"tag":"code","children":["<i>"]}]}]');
  assert.equal(text(parseRich('<div>\n\n## T\n\n- x\n</div>')), '[{"tag":"div","props":{},"children":[{"tag":"h2","children":["T"]},{"tag":"ul","children":[{"tag":"li","children":["x"]}]}]}]');
  for (const odd of ['<', '<a', '</b>', '<b><i></b></i>', '<p '.repeat(300), '<div>'.repeat(300), '&#x110000;&#0;']) {
    parseRich(odd);
    parseHtml(odd);
  }
});

test('old panels: table styles, pies, first gauges, series mode, names of today', () => {
  const table = modernPanel({ type: 'table', transform: 'timeseries_aggregations', columns: [{ value: 'avg' }, { value: 'max' }], sort: { col: 1, desc: true }, styles: [{ pattern: 'Value', type: 'number', unit: 's', decimals: 1, alias: 'V', colorMode: 'row', thresholds: ['1', '2'], colors: ['a', 'b', 'c'], link: true, linkUrl: '/x/$__cell' }, { pattern: '/.*/', type: 'hidden' }] });
  assert.deepEqual([table.transformations[0], table.options.sortBy], [{ id: 'reduce', options: { reducers: ['mean', 'max'] } }, [{ column: 1, displayName: '', desc: true }]]);
  assert.deepEqual(table.fieldConfig.overrides.map((/** @type {any} */ one) => [one.matcher.id, one.properties.map((/** @type {any} */ property) => property.id)]), [['byRegexp', ['custom.hidden']], ['byName', ['displayName', 'unit', 'decimals', 'custom.cellOptions', 'thresholds', 'links']]]);
  const pie = modernPanel({ type: 'grafana-piechart-panel', pieType: 'donut', valueName: 'current', format: 'bytes', legend: { show: true, percentage: true } });
  assert.deepEqual([pie.type, pie.options.pieType, pie.options.reduceOptions.calcs, pie.options.legend.values], ['piechart', 'donut', ['lastNotNull'], ['percent']]);
  const gauge = modernPanel({ type: 'gauge', options: { minValue: 0, maxValue: 50, thresholds: [{ value: 30, color: 'red' }, { value: null, color: 'green' }], valueOptions: { stat: 'avg', unit: 'ms', suffix: '!' } } });
  assert.deepEqual([gauge.fieldConfig.defaults.max, gauge.fieldConfig.defaults.unit, gauge.options.reduceOptions.calcs, gauge.fieldConfig.defaults.thresholds.steps[0]], [50, 'ms', ['mean'], { value: null, color: 'green' }]);
  const bars = modernPanel({ type: 'graph', xaxis: { mode: 'series', values: ['current'] }, targets: [] });
  assert.deepEqual([bars.type, bars.transformations], ['barchart', [{ id: 'reduce', options: { reducers: ['lastNotNull'] } }]]);
  assert.equal(modernPanel({ type: 'graph', xaxis: { mode: 'histogram', buckets: 5 } }).type, 'histogram');
});

test('whole documents: data of another panel, copies that were saved, rows of copies', () => {
  const { panels, graphTooltip } = wholeDashboard({ title: 'T', sharedCrosshair: true, panels: [
    { id: 1, type: 'stat', minSpan: 6, repeat: 'x', targets: [{ refId: 'A', expr: 'up' }], transformations: [{ id: 'merge' }] },
    { id: 2, type: 'stat', repeatPanelId: 1 },
    { id: 3, type: 'table', datasource: { uid: '-- Dashboard --' }, targets: [{ panelId: 1, withTransforms: true }], transformations: [{ id: 'limit' }] },
  ] });
  assert.deepEqual(panels.map((panel) => panel.id), [1, 3]);
  assert.deepEqual([panels[0].maxPerRow, graphTooltip], [4, 1]);
  assert.deepEqual([panels[1].targets, panels[1].transformations], [[{ refId: 'A', expr: 'up' }], [{ id: 'merge' }, { id: 'limit' }]]);
});

test('variables: who waits for whom, forms of queries, what a file leaves open, what every dashboard has', () => {
  const list = [{ name: 'a', query: 'label_values(up{b="$b"}, i)' }, { name: 'b', query: { query: 'label_values(x)' }, regex: '/${c}/' }, { name: 'c', type: 'custom', query: '1' }, { name: 'd', query: '$e' }, { name: 'e', query: '$d' }];
  assert.deepEqual(resolveOrder(list).map((at) => list[at].name), ['c', 'b', 'a', 'e', 'd']);
  assert.equal(queryText({ query: { qryType: 1, metric: 'up', labelFilters: [{ label: 'j', op: '=~', value: 'x' }], label: 'i' } }), 'label_values(up{j=~"x"}, i)');
  assert.equal(queryText({ query: { type: 1, label: 'app', stream: '{job="x"}' } }), 'label_values({job="x"}, app)');
  assert.equal(queryText({ query: { qryType: 3, varQuery: 'topk(5, x)' } }), 'query_result(topk(5, x))');
  const inputs = inputsOf({ __inputs: [{ name: 'DS_X', type: 'datasource', pluginId: 'loki' }, { name: 'VAR_Y', type: 'constant', value: 'v' }] });
  assert.deepEqual([inputs.DS_X.plugin, interpolate('${VAR_Y}', inputs)], ['loki', 'v']);
  const all = globalVariables({ uid: 'u', title: 'T' }, { from: 1_700_000_000_000, to: 2 }, { from: 'now-1h', to: 'now' }, {});
  assert.equal(interpolate('$__dashboard ${__dashboard.uid} ${__user.login} ${__from:date:seconds} $__org', all), 'T u admin 1700000000 1');
});
