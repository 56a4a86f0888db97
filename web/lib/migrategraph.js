// The old "graph" panel as a time series panel.

/**
 * @param {any} panel
 * @returns {any}
 */
export function fromGraph(panel) {
  if (panel.xaxis?.mode === 'series') return fromSeriesMode(panel);
  if (panel.xaxis?.mode === 'histogram') return { ...fromLines(panel), type: 'histogram', options: { legend: legend(panel.legend ?? {}), bucketCount: panel.xaxis.buckets } };
  return fromLines(panel);
}

/** Bars of one reduced value a series. @param {any} panel */
function fromSeriesMode(panel) {
  const [calc] = Array.isArray(panel.xaxis.values) ? panel.xaxis.values : [];
  const known = CALCS.find(([old]) => old === calc)?.[1] ?? 'sum';
  const bars = fromLines(panel);
  return {
    ...bars,
    type: 'barchart',
    transformations: [...(Array.isArray(panel.transformations) ? panel.transformations : []), { id: 'reduce', options: { reducers: [known] } }],
    options: { ...bars.options, orientation: 'auto', legend: { showLegend: false } },
  };
}

/** @param {any} panel */
function fromLines(panel) {
  const [left = {}, right = {}] = Array.isArray(panel.yaxes) ? panel.yaxes : [];
  const aliases = Object.entries(panel.aliasColors ?? {}).map(([name, color]) =>
    override('byName', name, [['color', { mode: 'fixed', fixedColor: color }]]),
  );
  const rules = (Array.isArray(panel.seriesOverrides) ? panel.seriesOverrides : []).map((/** @type {any} */ rule) =>
    fromRule(rule ?? {}, right),
  );
  return {
    ...panel,
    type: 'timeseries',
    fieldConfig: {
      defaults: {
        ...axisFields(left),
        color: { mode: 'palette-classic' },
        thresholds: { mode: 'absolute', steps: steps(panel.thresholds) },
        custom: { ...axisCustom(left), ...drawing(panel), thresholdsStyle: { mode: style(panel.thresholds) } },
      },
      overrides: [...aliases, ...rules],
    },
    options: {
      legend: legend(panel.legend ?? {}),
      tooltip: { mode: panel.tooltip?.shared === false ? 'single' : 'multi', sort: ['none', 'asc', 'desc'][panel.tooltip?.sort] ?? 'none' },
    },
  };
}

/** @param {string} id @param {unknown} options @param {Array<[string, unknown]>} properties */
function override(id, options, properties) {
  return { matcher: { id, options }, properties: properties.map(([key, value]) => ({ id: key, value })) };
}

/** Numbers may be texts; anything else is unset. @param {unknown} value */
function numberOf(value) {
  const number = value === null || value === undefined || value === '' ? NaN : Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** @param {any} axis */
function axisFields(axis) {
  return { unit: axis.format ?? 'short', decimals: numberOf(axis.decimals), min: numberOf(axis.min), max: numberOf(axis.max) };
}

/** @param {any} axis */
function axisCustom(axis) {
  return {
    axisLabel: axis.label ?? '',
    ...(axis.show === false ? { axisPlacement: 'hidden' } : {}),
    ...(axis.logBase > 1 ? { scaleDistribution: { type: 'log', log: axis.logBase === 10 ? 10 : 2 } } : {}),
  };
}

/** @param {any} panel */
function drawing(panel) {
  const drawStyle = panel.bars ? 'bars' : panel.lines === false ? 'points' : 'line';
  const opacity = panel.bars ? 100 : panel.fillGradient > 0 ? panel.fillGradient * 10 : (panel.fill ?? 1) * 10;
  return {
    drawStyle,
    fillOpacity: opacity,
    gradientMode: panel.fillGradient > 0 ? 'opacity' : 'none',
    lineWidth: panel.linewidth ?? 1,
    showPoints: panel.points ? 'always' : 'never',
    pointSize: 2 + 2 * (panel.pointradius ?? 2),
    lineInterpolation: panel.steppedLine ? 'stepAfter' : 'linear',
    ...(panel.dashes ? { lineStyle: { fill: 'dash', dash: [panel.dashLength ?? 10, panel.spaceLength ?? 10] } } : {}),
    stacking: { mode: panel.stack ? (panel.percentage ? 'percent' : 'normal') : 'none', group: 'A' },
    spanNulls: panel.nullPointMode === 'connected',
    nullsAsZero: panel.nullPointMode === 'null as zero',
  };
}

/** @type {Record<string, (value: any) => Array<[string, unknown]>>} */
const RULES = {
  color: (value) => [['color', { mode: 'fixed', fixedColor: value }]],
  fill: (value) => [['custom.fillOpacity', value * 10]],
  fillGradient: (value) => [
    ['custom.gradientMode', value > 0 ? 'opacity' : 'none'],
    ['custom.fillOpacity', value * 10],
  ],
  lines: (value) => (value === false ? [['custom.lineWidth', 0]] : [['custom.drawStyle', 'line']]),
  linewidth: (value) => [['custom.lineWidth', value]],
  points: (value) => [['custom.showPoints', value ? 'always' : 'never']],
  pointradius: (value) => [['custom.pointSize', 2 + 2 * value]],
  bars: (value) =>
    value
      ? [
          ['custom.drawStyle', 'bars'],
          ['custom.fillOpacity', 100],
        ]
      : [],
  dashes: (value) => (value ? [['custom.lineStyle', { fill: 'dash', dash: [10, 10] }]] : []),
  stack: (value) => [
    [
      'custom.stacking',
      value === false ? { mode: 'none', group: false } : { mode: 'normal', group: typeof value === 'string' ? value : 'A' },
    ],
  ],
  transform: (value) => (value === 'negative-Y' ? [['custom.transform', 'negative-Y']] : []),
  legend: (value) => (value === false ? [['custom.hideFrom', { legend: true }]] : []),
  hideTooltip: (value) => (value ? [['custom.hideFrom', { tooltip: true }]] : []),
  fillBelowTo: (value) => [['custom.fillBelowTo', value]],
};

/** @param {any} rule @param {any} right */
function fromRule(rule, right) {
  const alias = String(rule.alias ?? '');
  const properties = Object.keys(rule).flatMap((key) => (Object.hasOwn(RULES, key) ? RULES[key](rule[key]) : []));
  if (rule.yaxis === 2) {
    for (const [key, value] of Object.entries(axisFields(right))) properties.push([key, value]);
    for (const [key, value] of Object.entries(axisCustom(right))) properties.push([`custom.${key}`, value]);
    if (right.show !== false) properties.push(['custom.axisPlacement', 'right']);
  }
  return override(alias.startsWith('/') ? 'byRegexp' : 'byName', alias, properties);
}

const CALCS = /** @type {const} */ ([
  ['avg', 'mean'],
  ['current', 'lastNotNull'],
  ['max', 'max'],
  ['min', 'min'],
  ['total', 'sum'],
]);

/** @param {any} given */
function legend(given) {
  const calcs = given.values ? CALCS.filter(([key]) => given[key]).map(([, calc]) => calc) : [];
  const sorted = CALCS.find(([key]) => key === given.sort)?.[1];
  const names = /** @type {Record<string, string>} */ ({ mean: 'Mean', lastNotNull: 'Last *', max: 'Max', min: 'Min', sum: 'Total' });
  return {
    showLegend: given.show !== false,
    displayMode: given.alignAsTable ? 'table' : 'list',
    placement: given.rightSide ? 'right' : 'bottom',
    calcs,
    sortBy: sorted ? names[sorted] : '',
    sortDesc: given.sortDesc === true,
    width: given.sideWidth,
  };
}

/** @param {any} threshold */
function colorOf(threshold) {
  if (threshold.colorMode === 'critical') return 'red';
  return threshold.colorMode === 'warning' ? 'orange' : (threshold.lineColor ?? threshold.fillColor ?? 'red');
}

/** "Above" colours from the bound up, "below" colours up to the bound. @param {unknown} given */
function steps(given) {
  const list = (Array.isArray(given) ? given : []).filter((one) => numberOf(one?.value) !== undefined).sort((a, b) => a.value - b.value);
  const below = list.find((one) => one.op === 'lt');
  return [
    { value: null, color: below ? colorOf(below) : 'transparent' },
    ...list.map((one) => ({ value: Number(one.value), color: one.op === 'lt' ? 'transparent' : colorOf(one) })),
  ];
}

/** @param {unknown} given */
function style(given) {
  const list = Array.isArray(given) ? given : [];
  const hasLine = list.some((one) => one?.line);
  const hasFill = list.some((one) => one?.fill);
  return hasLine && hasFill ? 'line+area' : hasLine ? 'line' : hasFill ? 'area' : 'off';
}
