// A table panel: rows of labels and values, sortable by column, cells coloured by threshold where the panel asks for it.
import { html } from '../lib/html.js';
import { useMemo, useState } from '../vendor/preact/hooks.js';
import { readableOn } from '../lib/color.js';
import { formatDate } from '../lib/dates.js';
import { display, fieldExtent } from '../lib/display.js';
import { fieldConfig } from '../lib/fields.js';
import { sortRows, TABLE_ROWS_MAX, toTable, transform } from '../lib/tabledata.js';
import * as css from './classes.js';
import { useReport } from './report.js';

/** @typedef {import('../lib/tabledata.js').TableColumn} TableColumn */
/** @typedef {import('../lib/fields.js').FieldConfig} FieldConfig */
/** @typedef {TableColumn & {config: FieldConfig, shownName: string}} ShownColumn */

/** @param {import('./index.js').KindProps} props */
export function Table({ panel, frames, theme, variables, timeRange, report }) {
  const first = panel?.options?.sortBy?.[0];
  const [sort, setSort] = useState({ by: String(first?.displayName ?? ''), desc: first?.desc === true });
  const columns = useMemo(
    () => withConfig(transform(toTable(frames), panel?.transformations), panel, variables ?? {}),
    [frames, panel, variables],
  );
  const sorted = useMemo(() => sortRows(columns, columns.find((one) => one.shownName === sort.by)?.name, sort.desc), [columns, sort]);
  const rows = sorted[0]?.cells.length ?? 0;
  useReport(report, { series: sorted.length, points: rows, rows });
  const shown = Array.from({ length: Math.min(rows, TABLE_ROWS_MAX) }, (_, i) => i);
  if (sorted.length === 0) return html`<div class=${css.NOTE}>The panel's settings leave no column of the answer</div>`;
  const utc = timeRange.utc === true;
  const order = (/** @type {ShownColumn} */ one) => (sort.by !== one.shownName ? 'none' : sort.desc ? 'descending' : 'ascending');
  const arrow = { none: '', descending: ' ↓', ascending: ' ↑' };
  const header = (/** @type {ShownColumn} */ one) => html`
    <th class=${isNumber(one) ? css.TABLE_NUMBER : ''} style=${widthOf(one)} aria-sort=${order(one)}>
      <button type="button" onClick=${() => setSort(next(sort, one.shownName))}>${one.shownName}${arrow[order(one)]}</button></th>`;
  return html`<div class=${css.TABLE}><table>
    ${panel?.options?.showHeader !== false && html`<thead><tr>${sorted.map(header)}</tr></thead>`}
    <tbody>${shown.map((i) => html`<tr key=${i}>${sorted.map((one) => html`<${Cell} ...${{ one, value: one.cells[i], theme, frames, utc }} />`)}</tr>`)}</tbody></table>
    ${rows > TABLE_ROWS_MAX && html`<p>${rows - TABLE_ROWS_MAX} more rows</p>`}</div>`;
}

/** @param {ShownColumn} one */
function isNumber(one) {
  return (one.config.custom.align ?? 'auto') === 'auto' ? one.type === 'number' : one.config.custom.align === 'right';
}

/** @param {ShownColumn} one */
function widthOf(one) {
  return Number(one.config.custom.width) > 0 ? { width: `${one.config.custom.width}px` } : {};
}

/** @param {{by: string, desc: boolean}} sort @param {string} name */
function next(sort, name) {
  return sort.by !== name ? { by: name, desc: false } : { by: name, desc: !sort.desc };
}

/** @param {TableColumn[]} columns @param {any} panel @param {import('../lib/interpolate.js').Variables} variables @returns {ShownColumn[]} */
function withConfig(columns, panel, variables) {
  return columns
    .map((one) => {
      const subject = { name: one.name, rawName: one.name, refId: one.refId, type: one.type, labels: {}, values: one.cells };
      const config = fieldConfig(panel, subject, variables);
      return { ...one, config, shownName: config.displayName ?? one.name };
    })
    .filter((one) => one.config.custom.hidden !== true && one.config.custom.hideFrom?.viz !== true);
}

/** @param {{one: ShownColumn, value: any, theme: import('../lib/color.js').Theme, frames: import('../lib/frames.js').Frames, utc: boolean}} props */
function Cell({ one, value, theme, frames, utc }) {
  if (one.type === 'time') return html`<td>${formatDate(value, 'YYYY-MM-DD HH:mm:ss', utc)}</td>`;
  if (one.type === 'string' || !one.field) return html`<td title=${value}>${value}</td>`;
  const field = { ...one.field, config: one.config, values: one.cells };
  const shown = display(field, value, fieldExtent(field, [field, ...(one.config.fieldMinMax ? [] : frames.fields)]), theme);
  const cell = one.config.custom.cellOptions?.type ?? one.config.custom.displayMode ?? 'auto';
  const style = String(cell).startsWith('color-background')
    ? { background: shown.color, color: readableOn(shown.color) }
    : cell === 'color-text'
      ? { color: shown.color }
      : {};
  return html`<td class=${isNumber(one) ? css.TABLE_NUMBER : ''} style=${style}>${shown.prefix}${shown.text}${shown.suffix}</td>`;
}
