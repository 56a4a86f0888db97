// What is behind a panel: its answers as a table, its queries with their cost, and where an error is.
import { html } from '../../lib/html.js';
import { formatCount, formatValue, plural } from '../../lib/format.js';
import { ROWS_SHOWN_MAX, csvOf, tableOf } from '../../lib/tables.js';
import { formatDuration, formatTime } from '../../lib/time.js';
import { params, setParams } from '../../shell/address.js';
import { utc } from '../../shell/clock.js';
import { Icon } from '../../shell/icons.js';
import { saveFile } from '../../panels/save.js';
import { Sheet } from '../../shell/sheet.js';

/** @typedef {import('./model.js').PanelData} PanelData */
/** @typedef {import('../../lib/types.d.ts').TargetError} TargetError */

/** @param {{title: string, data: PanelData}} props */
export function Inspect({ title, data }) {
  const tab = params.value.get('tab') === 'queries' ? 'queries' : 'data';
  const close = () => setParams({ inspect: null, tab: null });
  const show = (/** @type {string} */ name) => () => setParams({ tab: name }, { replace: true });
  return html`<${Sheet} title=${title || 'Panel'} wide onClose=${close}>
    <div class="sheet-tools">
      <div class="segmented" role="group" aria-label="What to inspect">
        <button type="button" aria-pressed=${tab === 'data'} onClick=${show('data')}>Data</button>
        <button type="button" aria-pressed=${tab === 'queries'} onClick=${show('queries')}>Queries <span class="count">${data.targets.length}</span></button>
      </div>
      <button type="button" class="button" disabled=${data.results.length === 0} onClick=${() => saveFile(`${title || 'panel'}.csv`, 'text/csv', csvOf(data.results))}><${Icon} name="download" /> CSV</button>
    </div>
    ${tab === 'data' ? html`<${DataTable} data=${data} />` : html`<${Queries} data=${data} />`}
  <//>`;
}

/** @param {{data: PanelData}} props */
function DataTable({ data }) {
  const table = tableOf(data.results);
  if (table.columns.length === 0) return html`<p class="muted sheet-note">${data.error ?? 'The queries gave no series in this time range.'}</p>`;
  const from = Math.max(0, table.times.length - ROWS_SHOWN_MAX);
  const rows = table.rows.slice(from).map((row, at) => ({ row, time: table.times[from + at] })).reverse();
  return html`<p class="muted sheet-note">${plural(table.columns.length, 'series')}, ${plural(table.times.length, 'row')}, newest first${from > 0 ? ` (${ROWS_SHOWN_MAX} shown)` : ''}${table.left_out > 0 ? `; ${table.left_out} more series are in the CSV` : ''}.</p>
    <div class="table-scroll sheet-fill"><table class="table table-data">
      <thead><tr><th>Time (${utc.value ? 'UTC' : 'local'})</th>${table.columns.map((name, at) => html`<th key=${at} class="number mono" title=${name}>${name}</th>`)}</tr></thead>
      <tbody>${rows.map(({ row, time }) => html`<tr key=${time}><td class="nowrap">${formatTime(time, utc.value)}</td>${row.map((value, at) => html`<td key=${at} class="number" title=${value === null ? 'no value' : String(value)}>${formatValue(value)}</td>`)}</tr>`)}</tbody>
    </table></div>`;
}

/** @param {{data: PanelData}} props */
function Queries({ data }) {
  const byId = new Map(data.results.map((result) => [result.id, result]));
  if (data.targets.length === 0) return html`<p class="muted sheet-note">This panel asks for nothing.</p>`;
  return html`<div class="sheet-fill">${data.targets.map((target) => {
    const result = byId.get(target.id);
    return html`<section key=${target.id} class="query">
      <${Expression} text=${target.expr} error=${result?.error ?? null} />
      ${result?.error && html`<p class="target-error" role="alert">${result.error.message}</p>`}
      <p class="muted query-cost">${target.instant ? 'at the end of the range' : `a point every ${formatDuration(target.step_ms)}`}${result && !result.error
        ? `, ${plural(result.series?.length ?? 0, 'series')}${result.took_ms === undefined ? '' : `, took ${formatValue(result.took_ms)} ms`}${result.samples_read === undefined ? '' : `, read ${formatCount(result.samples_read)} samples of ${formatCount(result.series_read ?? 0)} series`}`
        : ''}</p>
      ${(result?.warnings ?? []).map((warning) => html`<p class="strip strip-warn">${warning}</p>`)}
    </section>`;
  })}</div>`;
}

/** An expression with the erring part underlined; the API counts in bytes, strings in UTF-16 units. @param {{text: string, error: TargetError | null}} props */
function Expression({ text, error }) {
  if (error?.start === undefined) return html`<pre class="expr"><code>${text}</code></pre>`;
  const bytes = new TextEncoder().encode(text);
  const piece = (/** @type {number} */ from, /** @type {number} */ to) => new TextDecoder().decode(bytes.slice(from, to));
  const end = Math.max(error.end ?? error.start + 1, error.start + 1);
  return html`<pre class="expr"><code>${piece(0, error.start)}<mark class="expr-error">${piece(error.start, end) || ' '}</mark>${piece(end, bytes.length)}</code></pre>`;
}
