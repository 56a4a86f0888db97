// Old panels read as today's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modernPanel } from '../lib/migrate.js';

test('graph becomes timeseries', () => {
  const panel = {
    type: 'graph', lines: true, fill: 2, linewidth: 3, stack: true, percentage: true, nullPointMode: 'connected', steppedLine: true, aliasColors: { a: '#fff' },
    yaxes: [{ format: 'bytes', min: '0', max: 'junk', logBase: 10, label: 'size' }, { format: 's' }],
    seriesOverrides: [{ alias: '/lat.*/', yaxis: 2, lines: false }, { alias: 'neg', transform: 'negative-Y', stack: false }],
    thresholds: [{ op: 'gt', value: 5, colorMode: 'critical', line: true, fill: true }],
    legend: { show: true, values: true, avg: true, max: true, alignAsTable: true, rightSide: true, sort: 'max', sortDesc: true }, tooltip: { shared: true, sort: 2 },
  };
  const { type, fieldConfig, options } = modernPanel(panel);
  assert.equal(type, 'timeseries');
  assert.deepEqual([fieldConfig.defaults.unit, fieldConfig.defaults.min, fieldConfig.defaults.max], ['bytes', 0, undefined]);
  const { custom } = fieldConfig.defaults;
  assert.deepEqual([custom.fillOpacity, custom.lineWidth, custom.stacking.mode, custom.spanNulls, custom.lineInterpolation, custom.scaleDistribution.log, custom.axisLabel, custom.thresholdsStyle.mode],
    [20, 3, 'percent', true, 'stepAfter', 10, 'size', 'line+area']);
  assert.deepEqual(fieldConfig.defaults.thresholds.steps, [{ value: null, color: 'transparent' }, { value: 5, color: 'red' }]);
  assert.deepEqual(fieldConfig.overrides.map((/** @type {any} */ one) => [one.matcher.id, one.properties.map((/** @type {any} */ property) => property.id)]), [
    ['byName', ['color']],
    ['byRegexp', ['custom.lineWidth', 'unit', 'decimals', 'min', 'max', 'custom.axisLabel', 'custom.axisPlacement']],
    ['byName', ['custom.transform', 'custom.stacking']],
  ]);
  assert.deepEqual(options.legend, { showLegend: true, displayMode: 'table', placement: 'right', calcs: ['mean', 'max'], sortBy: 'Max', sortDesc: true, width: undefined });
  assert.equal(panel.type, 'graph', 'the document is left alone');
  assert.equal(modernPanel(panel), modernPanel(panel), 'the answer is remembered');
});

test('singlestat becomes stat or gauge', () => {
  const stat = modernPanel({ type: 'singlestat', format: 's', thresholds: '1, 2', colors: ['a', 'b', 'c'], colorBackground: true, sparkline: { show: true }, valueName: 'avg', valueMaps: [{ op: '=', value: 'null', text: 'N/A' }, { value: '1', text: 'up' }] });
  assert.deepEqual([stat.type, stat.options.colorMode, stat.options.graphMode, stat.options.reduceOptions.calcs], ['stat', 'background', 'area', ['mean']]);
  assert.deepEqual(stat.fieldConfig.defaults.thresholds.steps, [{ value: null, color: 'a' }, { value: 1, color: 'b' }, { value: 2, color: 'c' }]);
  assert.deepEqual(stat.fieldConfig.defaults.mappings.map((/** @type {any} */ one) => one.type), ['special', 'value']);
  const gauge = modernPanel({ type: 'singlestat', gauge: { show: true, minValue: 0, maxValue: 7 } });
  assert.deepEqual([gauge.type, gauge.fieldConfig.defaults.max], ['gauge', 7]);
});

test('options of fields before version 7, and old heatmaps', () => {
  const gauge = modernPanel({ type: 'gauge', options: { fieldOptions: { calcs: ['max'], defaults: { title: 'T', unit: 'percent', max: 100 } } } });
  assert.deepEqual([gauge.fieldConfig.defaults.displayName, gauge.fieldConfig.defaults.unit, gauge.options.reduceOptions.calcs], ['T', 'percent', ['max']]);
  const heatmap = modernPanel({ type: 'heatmap', dataFormat: 'tsbuckets', color: { mode: 'spectrum', colorScheme: 'interpolateSpectral' }, yAxis: { format: 's' }, reverseYBuckets: true });
  assert.deepEqual([heatmap.options.calculate, heatmap.options.color.scheme, heatmap.options.yAxis.unit, heatmap.options.yAxis.reverse], [false, 'Spectral', 's', true]);
});

test('what is new already stays the same object', () => {
  const panel = { type: 'timeseries' };
  assert.equal(modernPanel(panel), panel);
  assert.deepEqual(modernPanel(null), {});
});
