// A table panel: sortable and filterable columns, a footer, pages, and a choice where the answer has several tables.
import { html } from '../lib/html.js';
import { useMemo, useRef, useState } from '../vendor/preact/hooks.js';
import { display, fieldExtent } from '../lib/display.js';
import { alignOf, cellLook, firstSort, footerCells, nextSort, ROWS_MAX, shownRows, visibleColumns } from '../lib/tableview.js';
import * as css from './classes.js';
import { useReport } from './report.js';
import { Cell, cellColours, cellText, shownCell } from './tablecells.js';
import { useSize } from './useplot.js';

/** @typedef {import('../lib/shown.js').ShownColumn} ShownColumn */
/** @typedef {import('./tablecells.js').Look} Look */

/** Heights of a row by `cellHeight`, px. @type {Record<string, number>} */
const ROW_PX = { sm: 28, md: 36, lg: 44 };
/** Header, pages and footer of a table that has pages, px. */
const AROUND_PX = 76;

/** @param {import('./index.js').KindProps} props */
export function Table({ panel, frames, theme, variables, timeRange, report }) {
  const options = panel?.options ?? {};
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const { height } = useSize(host);
  const [chosen, setChosen] = useState(Number(options.frameIndex) || 0);
  const tables = frames.tables.filter((table) => table.columns.length > 0);
  const table = tables[Math.min(chosen, tables.length - 1)];
  const columns = useMemo(() => visibleColumns(table), [table]);
  const [sort, setSort] = useState(/** @type {import('../lib/tableview.js').Sort | null} */ (null));
  const [filters, setFilters] = useState(/** @type {Record<string, string>} */ ({}));
  const [page, setPage] = useState(0);
  /** @type {Look} */
  const look = { theme, utc: timeRange.utc === true, columns: table?.columns ?? [], variables: variables ?? {} };
  const by = sort ?? firstSort(options, columns);
  const rows = useMemo(() => shownRows(columns, by, filters, (one, row) => cellText(one, row, look)), [columns, by.by, by.desc, filters, look.utc]);
  useReport(report, { series: columns.length, points: rows.length, rows: rows.length });
  if (columns.length === 0) return html`<div class=${css.NOTE}>The panel's settings leave no column of the answer</div>`;
  const rowPx = ROW_PX[options.cellHeight] ?? ROW_PX.sm;
  const hasPages = options.footer?.enablePagination === true || options.enablePagination === true;
  const perPage = hasPages ? Math.max(1, Math.floor((height - AROUND_PX) / rowPx)) : ROWS_MAX;
  const at = Math.min(page, Math.max(0, Math.ceil(rows.length / perPage) - 1));
  const shown = rows.slice(at * perPage, (at + 1) * perPage);
  const head = html`<thead><${Head} columns=${columns} sort=${by} onSort=${(/** @type {string} */ name) => setSort(nextSort(by, name))} />
    <${Filters} columns=${columns} filters=${filters} onFilter=${(/** @type {string} */ name, /** @type {string} */ text) => setFilters({ ...filters, [name]: text })} /></thead>`;
  return html`<div class=${css.TABLE} ref=${host} style=${{ '--row': `${rowPx}px` }}>
    ${tables.length > 1 && html`<${Choice} tables=${tables} chosen=${tables.indexOf(table)} onChoose=${setChosen} />`}
    <div class=${css.TABLE_SCROLL}><table>${options.showHeader !== false && head}
      <tbody>${shown.map((row) => html`<tr key=${row} style=${rowColours(columns, row, look)}>${columns.map((one) => html`<${Cell} key=${one.name} one=${one} row=${row} look=${look} />`)}</tr>`)}</tbody>
      <${Foot} cells=${footerCells(options, columns, rows)} columns=${columns} theme=${theme} /></table>
    ${!hasPages && rows.length > ROWS_MAX && html`<p>${rows.length - ROWS_MAX} more rows</p>`}</div>
    ${hasPages && rows.length > perPage && html`<${Pages} at=${at} perPage=${perPage} count=${rows.length} onPage=${setPage} />`}</div>`;
}

/** A cell may colour its whole row. @param {ShownColumn[]} columns @param {number} row @param {Look} look */
function rowColours(columns, row, look) {
  const by = columns.find((one) => cellLook(one).applyToRow && cellLook(one).type === 'color-background');
  return by ? cellColours(cellLook(by), shownCell(by, row, look).color) : {};
}

/** @param {{columns: ShownColumn[], sort: import('../lib/tableview.js').Sort, onSort: (name: string) => void}} props */
function Head({ columns, sort, onSort }) {
  return html`<tr>${columns.map((one) => {
    const order = sort.by !== one.name ? 'none' : sort.desc ? 'descending' : 'ascending';
    const { width, minWidth } = one.config.custom;
    const style = { textAlign: alignOf(one), ...(Number(width) > 0 ? { width: `${width}px`, minWidth: `${width}px` } : Number(minWidth) > 0 ? { minWidth: `${minWidth}px` } : {}) };
    return html`<th key=${one.name} style=${style} aria-sort=${order} title=${one.name}><button type="button" onClick=${() => onSort(one.name)}>${one.name}${{ none: '', descending: ' ↓', ascending: ' ↑' }[order]}</button></th>`;
  })}</tr>`;
}

/** @param {{columns: ShownColumn[], filters: Record<string, string>, onFilter: (name: string, text: string) => void}} props */
function Filters({ columns, filters, onFilter }) {
  const isFilterable = (/** @type {ShownColumn} */ one) => one.config.custom.filterable === true;
  if (!columns.some(isFilterable)) return null;
  return html`<tr class=${css.TABLE_FILTERS}>${columns.map((one) => html`<th key=${one.name}>${isFilterable(one) && html`<input type="search" placeholder="Filter" aria-label=${`Filter ${one.name}`} value=${filters[one.name] ?? ''}
    onInput=${(/** @type {any} */ event) => onFilter(one.name, event.target.value)} />`}</th>`)}</tr>`;
}

/** @param {{cells: ReturnType<typeof footerCells>, columns: ShownColumn[], theme: import('../lib/color.js').Theme}} props */
function Foot({ cells, columns, theme }) {
  if (!cells) return null;
  const text = (/** @type {ShownColumn} */ one, /** @type {any} */ cell) => {
    if (!cell) return '';
    if ('label' in cell) return cell.label;
    const shown = display({ ...one, config: { ...one.config, mappings: [] } }, cell.value, fieldExtent(one, [one]), theme);
    return `${shown.prefix}${shown.text}${shown.suffix}`;
  };
  return html`<tfoot><tr>${columns.map((one, i) => html`<td key=${one.name} style=${{ textAlign: alignOf(one) }}>${text(one, cells[i])}</td>`)}</tr></tfoot>`;
}

/** @param {{tables: import('../lib/shown.js').ShownFrame[], chosen: number, onChoose: (at: number) => void}} props */
function Choice({ tables, chosen, onChoose }) {
  return html`<select class="field ${css.TABLE_CHOICE}" aria-label="Which table" value=${String(chosen)} onChange=${(/** @type {any} */ event) => onChoose(Number(event.target.value))}>
    ${tables.map((table, at) => html`<option key=${at} value=${String(at)}>${table.name || table.refId || `Table ${at + 1}`}</option>`)}</select>`;
}

/** @param {{at: number, perPage: number, count: number, onPage: (page: number) => void}} props */
function Pages({ at, perPage, count, onPage }) {
  const last = Math.ceil(count / perPage) - 1;
  return html`<div class=${css.TABLE_PAGES}>
    <button type="button" class="button" disabled=${at === 0} onClick=${() => onPage(at - 1)}>Previous</button>
    <span>${at * perPage + 1} – ${Math.min(count, (at + 1) * perPage)} of ${count}</span>
    <button type="button" class="button" disabled=${at >= last} onClick=${() => onPage(at + 1)}>Next</button></div>`;
}
