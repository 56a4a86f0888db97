// The old table panel, which had styles by column name, as today's. Rules: the dashboard specification, part 2.

/** @param {any} panel @returns {boolean} */
export const isOldTable = (panel) => Array.isArray(panel?.styles) || panel?.type === 'table-old';

/** What stood above a column of numbers. @type {Record<string, string>} */
const CALCS = { avg: 'mean', current: 'lastNotNull', total: 'sum', min: 'min', max: 'max', count: 'count' };

/** @param {any} panel @returns {any} */
export function fromOldTable(panel) {
  const styles = (Array.isArray(panel.styles) ? panel.styles : []).filter(Boolean);
  return {
    ...panel,
    type: 'table',
    transformations: [...transformed(panel), ...(Array.isArray(panel.transformations) ? panel.transformations : [])],
    fieldConfig: {
      defaults: { custom: {} },
      // The first style that fits used to win; today the last override does.
      overrides: styles.map(overrideOf).reverse(),
    },
    options: {
      showHeader: panel.showHeader !== false,
      sortBy: Number.isInteger(panel.sort?.col) ? [{ column: panel.sort.col, displayName: '', desc: panel.sort.desc === true }] : [],
    },
  };
}

/** @param {any} panel @returns {any[]} */
function transformed({ transform, columns, targets }) {
  const isTable = (Array.isArray(targets) ? targets : []).every((/** @type {any} */ target) => target?.format === 'table');
  switch (transform) {
    case 'timeseries_to_rows':
      return [{ id: 'seriesToRows', options: {} }];
    case 'timeseries_to_columns':
      return [{ id: 'seriesToColumns', options: {} }];
    case 'timeseries_aggregations':
      return [{ id: 'reduce', options: { reducers: (Array.isArray(columns) ? columns : []).map((/** @type {any} */ one) => CALCS[one?.value] ?? String(one?.value ?? 'mean')) } }];
    default:
      return isTable ? [{ id: 'merge', options: {} }] : [];
  }
}

/** @param {any} style */
function overrideOf(style) {
  const pattern = String(style.pattern ?? '');
  /** @type {{id: string, value: unknown}[]} */
  const properties = [];
  const set = (/** @type {string} */ id, /** @type {unknown} */ value) => properties.push({ id, value });
  if (style.alias) set('displayName', style.alias);
  if (style.align) set('custom.align', style.align);
  if (style.type === 'hidden') set('custom.hidden', true);
  if (style.type === 'date') set('unit', `time:${style.dateFormat || 'YYYY-MM-DD HH:mm:ss'}`);
  if (style.type === 'number') {
    if (style.unit) set('unit', style.unit);
    if (style.decimals !== null && style.decimals !== undefined) set('decimals', style.decimals);
  }
  if (style.colorMode) {
    set('custom.cellOptions', { type: style.colorMode === 'value' ? 'color-text' : 'color-background', mode: 'basic', applyToRow: style.colorMode === 'row' });
    set('thresholds', { mode: 'absolute', steps: stepsOf(style) });
  }
  const mappings = mappingsOf(style);
  if (mappings.length > 0) set('mappings', mappings);
  if (style.link === true && style.linkUrl) set('links', [{ title: style.linkTooltip || 'Open', url: style.linkUrl, targetBlank: style.linkTargetBlank === true }]);
  return { matcher: { id: pattern.startsWith('/') ? 'byRegexp' : 'byName', options: pattern }, properties };
}

/** @param {any} style */
function stepsOf({ thresholds, colors }) {
  const shades = Array.isArray(colors) ? colors : [];
  const bounds = (Array.isArray(thresholds) ? thresholds : String(thresholds ?? '').split(',')).filter((/** @type {unknown} */ one) => String(one ?? '').trim() !== '').map(Number);
  return [{ value: null, color: shades[0] ?? 'green' }, ...bounds.map((/** @type {number} */ value, /** @type {number} */ at) => ({ value, color: shades[at + 1] ?? 'red' }))];
}

/** @param {any} style @returns {any[]} */
function mappingsOf({ mappingType, valueMaps, rangeMaps }) {
  const list = (/** @type {unknown} */ given) => (Array.isArray(given) ? given.filter(Boolean) : []);
  if (mappingType === 2) return list(rangeMaps).map((map) => ({ type: 'range', options: { from: Number(map.from), to: Number(map.to), result: { text: map.text } } }));
  return list(valueMaps).map((map) => ({ type: 'value', options: { [String(map.value)]: { text: map.text } } }));
}
