// Old panels as today's: what Grafana changed over the years, done in memory by the looks of the panel rather than by its schema version.
// The document itself is never changed. Rules: the dashboard specification, part 2.
import { fromGraph } from './migrategraph.js';
import { fromOldTable, isOldTable } from './migratetable.js';

/** @type {WeakMap<object, any>} */
const known = new WeakMap();

/**
 * The panel as one of today's kinds; the same object when there is nothing to change. The answer is remembered per panel.
 * @param {any} panel
 * @returns {any}
 */
export function modernPanel(panel) {
  if (!panel || typeof panel !== 'object') return {};
  const found = known.get(panel);
  if (found) return found;
  const modern = common(migrate(panel));
  known.set(panel, modern);
  known.set(modern, modern);
  return modern;
}

/** @param {any} panel */
function migrate(panel) {
  switch (panel.type) {
    case 'graph':
      return fromGraph(panel);
    case 'singlestat':
      return fromSingleStat(panel);
    case 'grafana-singlestat-panel':
      return fromSingleStat(panel);
    case 'stat':
    case 'gauge':
    case 'bargauge':
      return panel.options?.fieldOptions || panel.options?.valueOptions ? fromFieldOptions(panel) : panel;
    case 'heatmap':
      return panel.options?.calculate === undefined && panel.dataFormat ? fromOldHeatmap(panel) : panel;
    case 'table':
    case 'table-old':
      return isOldTable(panel) ? fromOldTable(panel) : panel;
    case 'grafana-piechart-panel':
      return fromOldPie(panel);
    default:
      return panel;
  }
}

/** What changed its name in every kind of panel. @param {any} panel */
function common(panel) {
  const options = panel.options;
  if (!options?.tooltipOptions || options.tooltip) return panel;
  return { ...panel, options: { ...options, tooltip: options.tooltipOptions } };
}

/** @param {any} panel */
function fromOldPie(panel) {
  const legend = panel.legend ?? {};
  const shown = [legend.values && 'value', legend.percentage && 'percent'].filter(Boolean);
  const colors = Object.entries(panel.aliasColors ?? {});
  return {
    ...panel,
    type: 'piechart',
    fieldConfig: {
      defaults: { unit: panel.format ?? 'short', decimals: legend.decimals ?? panel.decimals, color: { mode: 'palette-classic' } },
      overrides: colors.map(([name, color]) => ({ matcher: { id: 'byName', options: name }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }] })),
    },
    options: {
      pieType: panel.pieType === 'donut' ? 'donut' : 'pie',
      reduceOptions: { values: false, calcs: [VALUE_NAMES[panel.valueName] ?? panel.valueName ?? 'lastNotNull'], fields: '' },
      legend: { showLegend: legend.show !== false, displayMode: shown.length > 0 ? 'table' : 'list', placement: /right/i.test(panel.legendType ?? '') ? 'right' : 'bottom', values: shown },
    },
  };
}

/** @type {Record<string, string>} */
const VALUE_NAMES = { avg: 'mean', current: 'lastNotNull', total: 'sum', name: 'lastNotNull', last_time: 'lastNotNull' };

/** @param {any} panel */
function fromSingleStat(panel) {
  const isGauge = panel.gauge?.show === true;
  const calc = VALUE_NAMES[panel.valueName] ?? panel.valueName ?? 'mean';
  return {
    ...panel,
    type: isGauge ? 'gauge' : 'stat',
    fieldConfig: {
      defaults: {
        unit: panel.format,
        decimals: panel.decimals,
        noValue: panel.nullText,
        color: { mode: 'thresholds' },
        min: isGauge ? (panel.gauge.minValue ?? 0) : undefined,
        max: isGauge ? (panel.gauge.maxValue ?? 100) : undefined,
        thresholds: { mode: 'absolute', steps: stepsFrom(panel.thresholds, panel.colors) },
        mappings: mappingsFrom(panel),
        custom: { prefix: panel.prefix, postfix: panel.postfix },
      },
      overrides: [],
    },
    options: {
      reduceOptions: { values: false, calcs: [calc], fields: panel.tableColumn ?? '' },
      textMode: panel.valueName === 'name' ? 'name' : 'value',
      colorMode: panel.colorBackground ? 'background' : panel.colorValue ? 'value' : 'none',
      graphMode: panel.sparkline?.show ? 'area' : 'none',
      showThresholdMarkers: panel.gauge?.thresholdMarkers !== false,
    },
  };
}

/** "80,90" and three colours. @param {unknown} thresholds @param {unknown} colors */
function stepsFrom(thresholds, colors) {
  const shades = Array.isArray(colors) ? colors : ['green', 'orange', 'red'];
  const bounds = String(thresholds ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && Number.isFinite(Number(part)))
    .map(Number);
  return [{ value: null, color: shades[0] ?? 'green' }, ...bounds.map((value, i) => ({ value, color: shades[i + 1] ?? 'red' }))];
}

/** @param {any} panel */
function mappingsFrom({ mappingType, valueMaps, rangeMaps }) {
  if (mappingType === 2)
    return listOf(rangeMaps).map((map) => ({
      type: 'range',
      options: { from: fromText(map.from), to: fromText(map.to), result: { text: map.text } },
    }));
  return listOf(valueMaps).map((map) =>
    map.value === 'null'
      ? { type: 'special', options: { match: 'null', result: { text: map.text } } }
      : { type: 'value', options: { [String(map.value)]: { text: map.text } } },
  );
}

/** @param {unknown} value @returns {any[]} */
function listOf(value) {
  return Array.isArray(value) ? value.filter(Boolean) : [];
}

/** @param {unknown} value */
function fromText(value) {
  return value === 'null' || value === '' || value === undefined ? null : Number(value);
}

/** Before version 7 the field's settings lay in the options. @param {any} panel */
function fromFieldOptions(panel) {
  const { fieldOptions: older, valueOptions = {}, thresholds, valueMappings, ...options } = panel.options;
  const fieldOptions = older ?? oldestOptions(valueOptions, thresholds, valueMappings, options);
  const { title, ...defaults } = { ...fieldOptions.defaults, ...fieldOptions.override };
  const given = panel.fieldConfig ?? {};
  return {
    ...panel,
    fieldConfig: { ...given, defaults: { ...(title ? { displayName: title } : {}), ...defaults, ...given.defaults } },
    options: {
      ...options,
      reduceOptions: options.reduceOptions ?? { values: fieldOptions.values === true, calcs: fieldOptions.calcs ?? ['mean'], fields: '' },
    },
  };
}

/** The first gauges kept it all side by side. @param {any} values @param {unknown} thresholds @param {unknown} mappings @param {any} options */
function oldestOptions(values, thresholds, mappings, options) {
  const steps = listOf(thresholds).map((step) => ({ value: step.value, color: step.color })).reverse();
  return {
    calcs: [VALUE_NAMES[values.stat] ?? values.stat ?? 'mean'],
    defaults: {
      unit: values.unit,
      decimals: values.decimals,
      min: options.minValue,
      max: options.maxValue,
      ...(steps.length > 0 ? { thresholds: { mode: 'absolute', steps } } : {}),
      mappings: listOf(mappings),
      custom: { prefix: values.prefix, postfix: values.suffix },
    },
  };
}

/** @param {any} panel */
function fromOldHeatmap(panel) {
  const { color = {}, cards = {}, yAxis = {} } = panel;
  const bucketBound = /** @type {Record<string, string>} */ ({ upper: 'ge', lower: 'le', middle: 'unknown' })[panel.yBucketBound] ?? 'auto';
  return {
    ...panel,
    options: {
      calculate: panel.dataFormat !== 'tsbuckets',
      color:
        color.mode === 'opacity'
          ? {
              mode: 'opacity',
              fill: color.cardColor,
              scale: color.colorScale === 'sqrt' ? 'exponential' : 'linear',
              exponent: color.exponent ?? 0.5,
            }
          : { mode: 'scheme', scheme: String(color.colorScheme ?? 'Oranges').replace('interpolate', ''), min: color.min, max: color.max },
      cellGap: cards.cardPadding ?? 1,
      filterValues: panel.hideZeroBuckets ? { le: 1e-9 } : {},
      yAxis: {
        unit: yAxis.format,
        decimals: yAxis.decimals,
        reverse: panel.reverseYBuckets === true,
        axisPlacement: yAxis.show === false ? 'hidden' : 'left',
      },
      rowsFrame: { layout: bucketBound },
      legend: { show: panel.legend?.show !== false },
      tooltip: { mode: panel.tooltip?.show === false ? 'none' : 'single' },
    },
  };
}
