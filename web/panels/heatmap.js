// A heatmap of histogram buckets: cells in even colour steps, exact bucket bounds on the axis, a labelled colour bar, and what the pointer is on.
import { html } from '../lib/html.js';
import { useCallback, useEffect, useMemo, useRef, useState } from '../vendor/preact/hooks.js';
import { paintedRange, toHeat } from '../lib/buckets.js';
import { formatExact } from '../lib/dates.js';
import { resolveLinks } from '../lib/links.js';
import { formatNumber, formatTick, formatValue } from '../lib/units.js';
import { TOKENS } from '../lib/color.js';
import { timeAxis } from './axes.js';
import * as css from './classes.js';
import { colourOf, drawCells, drawCounts, readColours } from './heatcells.js';
import { timeScale } from './plot.js';
import { ClickHint, hideTip, pinLinks, showTip } from './tip.js';
import { usePlot } from './useplot.js';

/** @typedef {import('../lib/buckets.js').Heat} Heat */
/** @typedef {import('./heatcells.js').Colours} Colours */
/** @typedef {import('./useplot.js').Pointer} Pointer */
/** @typedef {import('../vendor/uplot/uplot.js').default} Plot */

/** Rows lower than this do not each get a label, px. */
const LABEL_PX_MIN = 16;

/** @param {import('./index.js').KindProps} props */
export function Heatmap({ panel, frames, timeRange, theme, onZoom, hover, variables, report }) {
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const me = useRef({});
  const [isLog, setLog] = useState(panel?.options?.color?.scale === 'log');
  const [pointed, setPointed] = useState(/** @type {number | null} */ (null));
  const heat = useMemo(() => toHeat(frames, panel?.options), [frames, panel]);
  const colours = useMemo(() => readColours(panel, paintedRange(heat, filterOf(panel)), theme, isLog), [panel, heat, theme, isLog]);
  const live = useRef({ from: timeRange.from, to: timeRange.to, utc: timeRange.utc === true, heat, colours });
  live.current = {
    from: frames.to > frames.from ? frames.from : timeRange.from,
    to: frames.to > frames.from ? frames.to : timeRange.to,
    utc: timeRange.utc === true,
    heat,
    colours,
  };
  const data = useMemo(() => /** @type {any} */ ([heat.x, heat.x.map(() => null)]), [heat, colours]);
  const at = useRef(/** @type {Pointer | null} */ (null));
  const onPointer = useCallback(
    (/** @type {Pointer | null} */ pointer) => {
      at.current = pointer ?? at.current;
      const cell = pointer && cellAt(live.current.heat, pointer);
      setPointed(cell?.count ?? null);
      if (!pointer || !cell || panel?.options?.tooltip?.mode === 'none') return hideTip(me.current);
      return showTip(me.current, html`<${CellTip} panel=${panel} cell=${cell} utc=${live.current.utc} />`, pointer);
    },
    [panel],
  );
  const onDraw = useCallback(
    (/** @type {Plot} */ u) => {
      const cells = drawCells(u, live.current.heat, live.current.colours, filterOf(panel), Number(panel?.options?.cellGap ?? 1));
      const { unit, decimals } = panel?.options?.cellValues ?? {};
      if (panel?.options?.showValue === 'always') drawCounts(u, live.current.heat, live.current.colours, filterOf(panel), (count) => formatValue(count, unit, decimals));
      report({ series: live.current.heat.rows.length, points: cells, cells });
    },
    [panel, report],
  );
  usePlot({
    host,
    data,
    hover,
    onZoom,
    onPointer,
    onDraw,
    shape: JSON.stringify([theme, heat.rows.map((row) => row.highText)]),
    options: () => heatOptions(live, panel, theme),
  });
  useEffect(() => () => hideTip(me.current), []);
  const onClick = () => {
    const cell = at.current && cellAt(live.current.heat, at.current);
    if (cell && at.current) holdLinks(me.current, panel, cell, at.current, variables ?? {}, live.current.utc);
  };
  const hasScale = panel?.options?.legend?.show !== false && colours.max > 0;
  const isBlank = colours.cells === 0;
  const words = `${panel.title || 'heatmap'}: ${heat.rows.length} buckets over time`;
  return html`<div class=${css.CHART}>
    ${isBlank && html`<div class=${css.BLANK} role="status">All buckets are empty in this time range</div>`}
    <div class=${css.PLOT} ref=${host} onClick=${onClick} role="img" aria-label=${words} />
    ${hasScale && html`<${ColourBar} colours=${colours} pointed=${pointed} isLog=${isLog} onMode=${() => setLog(!isLog)} panel=${panel} />`}</div>`;
}

/** @param {any} panel */
function filterOf(panel) {
  const le = Number(panel?.options?.filterValues?.le);
  return Number.isFinite(le) ? le : 1e-9;
}

/** @param {{current: {from: number, to: number, utc: boolean, heat: Heat}}} live @param {any} panel @param {import('../lib/color.js').Theme} theme @returns {Partial<import('../vendor/uplot/uplot.js').default.Options>} */
function heatOptions(live, panel, theme) {
  const { rows } = live.current.heat;
  const yAxis = panel?.options?.yAxis ?? {};
  const isReversed = yAxis.reverse === true;
  const { muted, line } = TOKENS[theme];
  const edges = rows.length === 0 ? [] : [rows[0].lowText, ...rows.map((row) => row.highText)];
  const texts = edges.map((edge) => boundText(edge, yAxis));
  const widest = Math.max(0, ...texts.map((text) => text.length));
  return {
    series: [{}, { scale: 'y', paths: () => null, points: { show: false } }],
    scales: { x: timeScale(live), y: { range: () => [0, Math.max(1, rows.length)], dir: isReversed ? -1 : 1 } },
    axes: [
      timeAxis(theme, live),
      {
        scale: 'y',
        stroke: muted,
        font: '12px system-ui, sans-serif',
        gap: 8,
        size: Math.max(40, Math.ceil((widest * 7 + 14) / 8) * 8),
        side: yAxis.axisPlacement === 'right' ? 1 : 3,
        show: yAxis.axisPlacement !== 'hidden',
        ticks: { show: true, stroke: line, size: 4, width: 1 },
        grid: { show: false },
        border: { show: false },
        splits: (u) => splitsFor(rows.length, u.bbox.height / devicePixelRatio),
        values: (_u, splits) => splits.map((at) => texts[Math.round(at)] ?? ''),
      },
    ],
    cursor: { points: { show: false } },
  };
}

/** Every edge, or every n-th when rows are low; the lowest always. @param {number} rows @param {number} height */
function splitsFor(rows, height) {
  const every = Math.max(1, Math.ceil(LABEL_PX_MIN / Math.max(1, height / Math.max(1, rows))));
  return Array.from({ length: rows + 1 }, (_, at) => at).filter((at) => at % every === 0);
}

/** @param {string} bound @param {any} yAxis */
function boundText(bound, yAxis) {
  const number = /^\+?inf$/i.test(bound) ? Infinity : Number(bound);
  if (bound.trim() === '' || Number.isNaN(number)) return bound;
  if (!Number.isFinite(number)) return '∞';
  return number === 0 ? '0' : formatTick(number, yAxis.unit, yAxis.decimals);
}

/**
 * @typedef {object} Cell
 * @property {import('../lib/buckets.js').BucketRow} row
 * @property {number} count
 * @property {number} total
 * @property {number} from ms
 * @property {number} to
 * @property {boolean} isNumeric
 */

/** Cells lie left of their time, so the pointer's place decides, not the nearest time. @param {Heat} heat @param {Pointer} pointer @returns {Cell | null} */
function cellAt(heat, pointer) {
  const at = pointer.time > heat.x[pointer.idx] ? pointer.idx + 1 : pointer.idx;
  const row = heat.rows[Math.floor(pointer.value)];
  const count = row?.counts[at];
  if (!row || count === null || count === undefined) return null;
  return { row, count, total: heat.totals[at] ?? 0, from: heat.x[at] - heat.stepMs, to: heat.x[at], isNumeric: heat.isNumeric };
}

/** A click holds the links of a cell; its time is the end of its span. @param {object} me @param {any} panel @param {Cell} cell @param {Pointer} pointer @param {import('../lib/interpolate.js').Variables} variables @param {boolean} utc */
function holdLinks(me, panel, cell, pointer, variables, utc) {
  const subject = { name: cell.row.highText, labels: { le: cell.row.highText }, text: String(cell.count), raw: cell.count, time: cell.to };
  pinLinks(me, formatExact(cell.to, utc), resolveLinks(panel?.fieldConfig?.defaults?.links, variables, subject), pointer);
}

/** @param {{panel: any, cell: Cell, utc: boolean}} props */
function CellTip({ panel, cell, utc }) {
  const yAxis = panel?.options?.yAxis ?? {};
  const { unit, decimals } = panel?.options?.cellValues ?? {};
  const low = boundText(cell.row.lowText, yAxis);
  const high = boundText(cell.row.highText, yAxis);
  const range = !cell.isNumeric ? cell.row.highText : high === '∞' ? `more than ${low}` : `${low} – ${high}`;
  const share = cell.total > 0 ? `${formatNumber((cell.count / cell.total) * 100, 1)} %` : '–';
  const line = (/** @type {string} */ name, /** @type {string} */ value) =>
    html`<div class=${css.TIP_ROW}><span class=${css.TIP_NAME}>${name}</span><span class=${css.TIP_VALUE}>${value}</span></div>`;
  return html`<div class=${css.TIP_TIME}>${formatExact(cell.from, utc)} – ${formatExact(cell.to, utc).slice(11)}${cell.to > Date.now() ? ', so far' : ''}</div>
    <div class="${css.TIP_ROW} ${css.TIP_NEAR}"><span class=${css.TIP_NAME}>${range}</span></div>
    ${line('Count', formatValue(cell.count, unit, cell.count === 0 ? 0 : decimals))}
    ${line('Share', share)}${line('All buckets', formatValue(cell.total, unit, decimals))}
    ${(panel?.fieldConfig?.defaults?.links?.length ?? 0) > 0 && html`<${ClickHint} />`}`;
}

/** @param {{colours: Colours, pointed: number | null, isLog: boolean, onMode: () => void, panel: any}} props */
function ColourBar({ colours, pointed, isLog, onMode, panel }) {
  const { unit, decimals } = panel?.options?.cellValues ?? {};
  const stops = colours.palette.filter((_, i) => i % 4 === 0 || i === colours.palette.length - 1).join(', ');
  const marks = [0, 0.5, 1].map((at) => colours.valueAt(at)).map((value) => formatValue(value, unit, decimals ?? (value >= 10 ? 0 : 1)));
  const place = pointed !== null && pointed > 0 ? colours.placeOf(pointed) : null;
  return html`<div class=${css.SCALE}><span class=${css.SCALE_TICK}>${marks[0]}</span>
    <div class=${css.SCALE_BAR} style=${{ background: `linear-gradient(to right, ${stops})` }}>
      ${place !== null && html`<i class=${css.SCALE_MARK} style=${{ left: `${place * 100}%`, background: colourOf(colours, pointed ?? 0) }} />`}</div>
    <span class=${css.SCALE_TICK}>${marks[2]} a cell</span>
    <button type="button" class=${css.SCALE_MODE} aria-pressed=${isLog}
      title="Colour scale: ${isLog ? 'logarithmic' : 'linear'}, middle ${marks[1]}" onClick=${onMode}>${isLog ? 'log' : 'linear'}</button></div>`;
}
