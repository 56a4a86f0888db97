// Calculations, thresholds, mappings, colours.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calcName, reduce } from '../lib/calcs.js';
import { continuousColor, heatmapPalette, paletteColor, resolveColor, toRgb } from '../lib/color.js';
import { absoluteSteps, activeStep, mapValue, readThresholds } from '../lib/thresholds.js';

test('calculations skip null and NaN', () => {
  const column = [null, NaN, 1, 3, 2];
  for (const [calc, expected] of /** @type {Array<[string, number | null]>} */ ([
    ['lastNotNull', 2], ['current', 2], ['last', 2], ['firstNotNull', 1], ['first', null], ['min', 1], ['max', 3], ['mean', 2], ['avg', 2], ['sum', 6], ['total', 6], ['count', 3],
    ['range', 2], ['diff', 1], ['diffperc', 1], ['delta', 4], ['median', 2], ['p95', 3], ['logmin', 1], ['variance', 2 / 3], ['changeCount', 2], ['distinctCount', 3], ['allIsNull', 0], ['allIsZero', 0],
  ])) assert.equal(reduce(calc, column), expected, calc);
});

test('an empty column', () => {
  for (const [calc, expected] of /** @type {Array<[string, number | null]>} */ ([['mean', null], ['lastNotNull', null], ['sum', 0], ['count', 0], ['max', null], ['allIsNull', 1]])) {
    assert.equal(reduce(calc, [null, undefined, null]), expected, calc);
  }
  assert.equal(reduce('last', [1, null]), null);
});

test('a counter that began anew counts its new value', () => assert.equal(reduce('delta', [5, 8, 2, 3]), 3 + 2 + 1));

test('names of calculations are those legends sort by', () => {
  assert.deepEqual(['lastNotNull', 'mean', 'sum', 'p95', 'current', 'odd'].map(calcName), ['Last *', 'Mean', 'Total', '95th %', 'Last *', 'odd']);
});

test('thresholds: the first step holds from minus infinity, steps are sorted', () => {
  const thresholds = readThresholds({ steps: [{ value: 50, color: 'blue' }, { value: 90, color: 'red' }, { value: 70, color: 'orange' }] });
  assert.deepEqual([-5, 69, 70, 89.9, 90, 1e9].map((value) => activeStep(value, thresholds, 0, 0).color), ['blue', 'blue', 'orange', 'orange', 'red', 'red']);
  const standard = readThresholds(undefined);
  assert.deepEqual([79, 80].map((value) => activeStep(value, standard, 0, 0).color), ['green', 'red']);
});

test('percentage thresholds measure between the ends', () => {
  const thresholds = readThresholds({ mode: 'percentage', steps: [{ value: null, color: 'green' }, { value: 50, color: 'red' }] });
  assert.deepEqual([149, 150].map((value) => activeStep(value, thresholds, 100, 200).color), ['green', 'red']);
  assert.equal(absoluteSteps(thresholds, 100, 200)[1].value, 150);
});

test('mappings: the first that fits', () => {
  const mappings = [
    { type: 'value', options: { 0: { text: 'down', color: 'red' }, ok: { text: 'fine' } } },
    { type: 'range', options: { from: 10, to: null, result: { text: 'many' } } },
    { type: 'regex', options: { pattern: '/^v(\\d+)/', result: { text: 'version $1' } } },
    { type: 'special', options: { match: 'null+nan', result: { text: 'N/A' } } },
  ];
  for (const [value, text] of /** @type {Array<[unknown, string | undefined]>} */ ([[0, 'down'], ['ok', 'fine'], [11, 'many'], ['v12', 'version 12'], [null, 'N/A'], [NaN, 'N/A'], [5, undefined], ['', undefined]])) {
    assert.equal(mapValue(value, mappings)?.text, text, String(value));
  }
  assert.equal(mapValue(0, mappings)?.color, 'red');
  assert.equal(mapValue(3, [{ type: 1, value: '3', text: 'three' }])?.text, 'three');
  assert.equal(mapValue(7, [{ type: 2, from: '5', to: '9', text: 'some' }])?.text, 'some');
  assert.equal(mapValue(7, 'junk'), null);
});

test('colour names mean the shades of the theme', () => {
  for (const [name, dark, light] of [['green', '#73bf69', '#56a64b'], ['semi-dark-red', '#e02f44', '#c4162a'], ['super-light-blue', '#c0d8ff', '#8ab8ff'], ['#ABCDEF', '#abcdef', '#abcdef'], ['nothing known!', '#808080', '#808080']]) {
    assert.deepEqual([resolveColor(name, 'dark'), resolveColor(name, 'light')], [dark, light], name);
  }
  assert.deepEqual([0, 1, 2, 3, 56].map((i) => paletteColor(i, 'dark')), ['#73bf69', '#f2cc0c', '#8ab8ff', '#ff780a', '#73bf69']);
  assert.equal(continuousColor('continuous-GrYlRd', 0, 'dark'), '#73bf69');
  assert.equal(continuousColor('continuous-GrYlRd', 1, 'dark'), '#f2495c');
  assert.equal(continuousColor('palette-classic', 0, 'dark'), null);
});

test('our heat ramp climbs evenly in lightness', () => {
  const luma = (/** @type {string} */ color) => toRgb(color).reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  for (const theme of /** @type {const} */ (['dark', 'light'])) {
    const lumas = heatmapPalette(undefined, 32, theme).map(luma);
    const steps = lumas.slice(1).map((value, i) => (theme === 'dark' ? 1 : -1) * (value - lumas[i]));
    assert.ok(steps.every((step) => step > 0), `${theme} is not monotonic: ${steps.map(Math.round)}`);
  }
  assert.equal(heatmapPalette('Viridis', 2, 'dark').length, 2);
});
