// The legend of a plot: a list or a table with calculated values. Click isolates, Ctrl-click toggles, hover highlights.
import { html } from '../lib/html.js';
import { useState } from '../vendor/preact/hooks.js';
import { calcName, reduce } from '../lib/calcs.js';
import { formatValue } from '../lib/units.js';
import * as css from './classes.js';

/** @typedef {import('./model.js').PlotSeries} PlotSeries */

/** More rows than this would slow the page; the rest is counted in words. */
const ROWS_MAX = 300;

/**
 * @typedef {object} LegendOptions
 * @property {boolean} shown
 * @property {'list' | 'table'} mode
 * @property {'bottom' | 'right'} place
 * @property {string[]} calcs
 * @property {string} sortBy
 * @property {boolean} sortDesc
 * @property {number} width
 */

/** @param {any} panel @returns {LegendOptions} */
export function readLegend(panel) {
  const given = panel?.options?.legend ?? {};
  return {
    shown: given.showLegend !== false && given.displayMode !== 'hidden' && given.isVisible !== false,
    mode: given.displayMode === 'table' ? 'table' : 'list',
    place: given.placement === 'right' ? 'right' : 'bottom',
    calcs: Array.isArray(given.calcs) ? given.calcs.map(String) : [],
    sortBy: String(given.sortBy ?? ''),
    sortDesc: given.sortDesc === true,
    width: Number(given.width) || 0,
  };
}

/**
 * @param {{series: PlotSeries[], options: LegendOptions, onIsolate: (key: string) => void, onToggle: (key: string) => void, onPoint: (key: string | null) => void}} props
 */
export function Legend({ series, options, onIsolate, onToggle, onPoint }) {
  const [sort, setSort] = useState({ by: options.sortBy, desc: options.sortDesc });
  const rows = sortRows(
    series
      .filter((one) => !one.hideFrom.legend)
      .map((one) => ({
        series: one,
        values: options.calcs.map((calc) => reduce(calc, one.field.values)),
      })),
    options.calcs.map(calcName),
    sort,
  );
  const shown = rows.slice(0, ROWS_MAX);
  const act = (/** @type {MouseEvent | KeyboardEvent} */ event, /** @type {string} */ key) =>
    event.ctrlKey || event.metaKey ? onToggle(key) : onIsolate(key);
  const item = (
    /** @type {PlotSeries} */ one,
  ) => html`<button type="button" class="${css.LEGEND_ITEM} ${one.hidden ? css.LEGEND_OFF : ''}" aria-pressed=${!one.hidden}
    title=${one.name} onClick=${(/** @type {MouseEvent} */ event) => act(event, one.key)} onFocus=${() => onPoint(one.key)} onBlur=${() => onPoint(null)}>
    <i class=${css.LEGEND_MARK} style=${{ background: one.color }} /><span class=${css.LEGEND_NAME}>${one.name || '(no name)'}</span></button>`;
  const more = rows.length > ROWS_MAX && html`<span class=${css.LEGEND_MORE}>${rows.length - ROWS_MAX} more</span>`;
  if (options.mode === 'table') return html`<${Table} ...${{ rows: shown, options, sort, setSort, item, more, onPoint }} />`;
  return html`<div class=${css.LEGEND_LIST}>${shown.map(
    ({ series: one, values }) => html`
    <span key=${one.key} onMouseEnter=${() => onPoint(one.key)} onMouseLeave=${() => onPoint(null)}>${item(one)}${values.map(
      (value, i) => html`
      <span class=${css.LEGEND_VALUE}><em>${calcName(options.calcs[i])}</em> ${valueText(one, value)}</span>`,
    )}</span>`,
  )}${more}</div>`;
}

/** @param {PlotSeries} series @param {number | null} value */
function valueText(series, value) {
  return value === null ? '–' : formatValue(value, series.field.config.unit, series.field.config.decimals);
}

/** @typedef {{series: PlotSeries, values: Array<number | null>}} Row */
/** @typedef {{by: string, desc: boolean}} Sort */

/** @param {Row[]} rows @param {string[]} names @param {Sort} sort @returns {Row[]} */
function sortRows(rows, names, { by, desc }) {
  if (by === '') return rows;
  const column = names.indexOf(by);
  if (column < 0 && by !== 'Name') return rows;
  const direction = desc ? -1 : 1;
  return [...rows].sort((a, b) => {
    if (column < 0) return direction * a.series.name.localeCompare(b.series.name, undefined, { numeric: true });
    return direction * ((a.values[column] ?? -Infinity) - (b.values[column] ?? -Infinity));
  });
}

/** @param {any} props */
function Table({ rows, options, sort, setSort, item, more, onPoint }) {
  const head = (/** @type {string} */ name, /** @type {boolean} */ number) => html`
    <th class=${number ? css.LEGEND_VALUE : ''} aria-sort=${sort.by === name ? (sort.desc ? 'descending' : 'ascending') : 'none'}>
      <button type="button" onClick=${() => setSort(nextSort(sort, name))}>${name}${sort.by === name ? (sort.desc ? ' ↓' : ' ↑') : ''}</button></th>`;
  return html`<table class=${css.LEGEND_TABLE}><thead><tr>${head('Name', false)}${options.calcs.map((/** @type {string} */ calc) => head(calcName(calc), true))}</tr></thead>
    <tbody>${rows.map(
      (
        /** @type {Row} */ row,
      ) => html`<tr key=${row.series.key} onMouseEnter=${() => onPoint(row.series.key)} onMouseLeave=${() => onPoint(null)}>
      <td>${item(row.series)}</td>${row.values.map((value) => html`<td class=${css.LEGEND_VALUE}>${valueText(row.series, value)}</td>`)}</tr>`,
    )}</tbody></table>${more}`;
}

/** Down, up, as the panel says. @param {Sort} sort @param {string} name @returns {Sort} */
function nextSort(sort, name) {
  if (sort.by !== name) return { by: name, desc: true };
  return sort.desc ? { by: name, desc: false } : { by: '', desc: false };
}

/** Only this one; when it already is the only one, all again. @param {ReadonlySet<string>} hidden @param {string[]} keys @param {string} key @returns {ReadonlySet<string>} */
export function isolate(hidden, keys, key) {
  const others = keys.filter((other) => other !== key);
  const isAlone = !hidden.has(key) && others.length > 0 && others.every((other) => hidden.has(other));
  return new Set(isAlone ? [] : others);
}

/** @param {ReadonlySet<string>} hidden @param {string} key @returns {ReadonlySet<string>} */
export function toggle(hidden, key) {
  const next = new Set(hidden);
  if (!next.delete(key)) next.add(key);
  return next;
}
