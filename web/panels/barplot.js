// Bar charts and histograms: bars of one value each, standing or lying.
import { html } from '../lib/html.js';
import { useEffect, useMemo, useRef, useState } from '../vendor/preact/hooks.js';
import { layBars, niceTicks } from '../lib/bars.js';
import { display, fieldExtent, seriesColor } from '../lib/display.js';
import { histogramOf } from '../lib/histogram.js';
import { formatTick, formatValue } from '../lib/units.js';
import * as css from './classes.js';
import { isolate, Legend, readLegend, toggle } from './legend.js';
import { useReport } from './report.js';
import { hideTip, SeriesTip, showTip } from './tip.js';
import { useSize } from './useplot.js';
import { visibleColumns } from '../lib/tableview.js';
import { cellText } from './tablecells.js';

/** @typedef {import('../lib/bars.js').BarSeries} BarSeries */
/** @typedef {import('./index.js').KindProps} KindProps */

/** More bars than this are no picture. */
const GROUPS_MAX = 500;
const LETTER_PX = 6.6;
const LINE_PX = 18;

/** A group a row of the table, a bar a column of numbers. @param {KindProps} props */
export function BarChart(props) {
  const { panel, frames, theme, timeRange, variables } = props;
  const options = panel?.options ?? {};
  const groups = useMemo(() => {
    const columns = visibleColumns(frames.tables[0]);
    const by = columns.find((one) => one.name === options.xField) ?? columns.find((one) => one.type === 'string') ?? columns.find((one) => one.type === 'time');
    const numbers = columns.filter((one) => one.type === 'number' && one !== by);
    const count = Math.min(GROUPS_MAX, columns[0]?.values.length ?? 0);
    const look = { theme, utc: timeRange.utc === true, columns, variables: variables ?? {} };
    const labels = Array.from({ length: count }, (_, row) => (by ? cellText(by, row, look) : String(row + 1)));
    const series = numbers.map((one) => ({ key: one.name, name: one.name, color: seriesColor(one, numbers, theme), field: one, values: one.values.slice(0, count), hidden: false }));
    return { labels, series };
  }, [frames, panel, theme, timeRange.utc]);
  const stacking = options.stacking === 'normal' || options.stacking === 'percent' ? options.stacking : 'none';
  return html`<${Bars} ...${props} labels=${groups.labels} series=${groups.series} stacking=${stacking} group=${Number(options.groupWidth) || 0.7} bar=${Number(options.barWidth) || 0.97}
    lying=${options.orientation === 'horizontal'} showValue=${options.showValue ?? 'auto'} />`;
}

/** How often values fall into each span. @param {KindProps} props */
export function Histogram(props) {
  const { panel, frames, theme } = props;
  const options = panel?.options ?? {};
  const groups = useMemo(() => {
    const found = histogramOf(frames.fields.map((field) => field.values), options);
    if (!found) return { labels: [], series: [] };
    const [first] = frames.fields;
    const labels = found.low.map((low, i) => `${formatTick(low, first.config.unit, first.config.decimals)} – ${formatTick(found.high[i], first.config.unit, first.config.decimals)}`);
    // The bars count: what they count has the unit, they have none.
    const plain = (/** @type {import('../lib/frames.js').Field} */ field) => ({ ...field, config: { ...field.config, unit: 'none', decimals: 0, mappings: [], min: null, max: null } });
    const counts = options.combine === true ? [found.total] : found.counts;
    const series = counts.map((values, i) => {
      const field = frames.fields[i];
      return { key: `${field.name}${i}`, name: options.combine === true ? 'All series' : field.name, color: seriesColor(field, frames.fields, theme), field: { ...plain(field), values }, values, hidden: false };
    });
    return { labels, series };
  }, [frames, panel, theme]);
  return html`<${Bars} ...${props} labels=${groups.labels} series=${groups.series} stacking="none" group=${1} bar=${0.97} lying=${false} showValue="never" />`;
}

/** @param {KindProps & {labels: string[], series: BarSeries[], stacking: 'none' | 'normal' | 'percent', group: number, bar: number, lying: boolean, showValue: string}} props */
function Bars({ panel, labels, series: all, stacking, group, bar, lying, showValue, theme, report }) {
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const me = useRef({});
  const size = useSize(host);
  const [hidden, setHidden] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  useEffect(() => () => hideTip(me.current), []);
  const series = all.map((one) => ({ ...one, hidden: hidden.has(one.key) || one.field.config.custom.hideFrom?.viz === true }));
  const layout = layBars(series, labels.length, stacking);
  useReport(report, { series: series.filter((one) => !one.hidden).length, points: layout.bars.length, cells: size.width > 0 ? layout.bars.length : 0 });
  const first = series[0]?.field.config;
  const min = first?.min ?? layout.min;
  const max = first?.max ?? (layout.max + (layout.max - layout.min) * 0.05);
  const unit = stacking === 'percent' ? 'percentunit' : (first?.unit ?? '');
  const ticks = niceTicks(min, max, Math.max(2, (lying ? size.width / 90 : size.height / 46)));
  const texts = ticks.map((tick) => formatTick(tick, unit, first?.decimals));
  const longest = Math.max(0, ...labels.map((label) => label.length)) * LETTER_PX + 12;
  const left = lying ? Math.min(size.width * 0.4, longest) : Math.max(0, ...texts.map((text) => text.length)) * LETTER_PX + 14;
  const box = { left, top: 6, width: Math.max(1, size.width - left - 10), height: Math.max(1, size.height - 6 - LINE_PX - 4) };
  const along = (/** @type {number} */ value) => (lying ? box.left + ((value - min) / (max - min)) * box.width : box.top + box.height - ((value - min) / (max - min)) * box.height);
  const pitch = (lying ? box.height : box.width) / Math.max(1, labels.length);
  const start = (/** @type {number} */ at) => (lying ? box.top : box.left) + at * pitch;
  const slot = (pitch * group) / layout.slots;
  const shape = (/** @type {import('../lib/bars.js').PlacedBar} */ one) => {
    const across = start(one.group) + (pitch * (1 - group)) / 2 + one.slot * slot + (slot * (1 - bar)) / 2;
    const [a, b] = [along(one.low), along(one.high)];
    return lying ? { x: a, y: across, width: Math.max(1, b - a), height: Math.max(1, slot * bar) } : { x: across, y: b, width: Math.max(1, slot * bar), height: Math.max(1, a - b) };
  };
  const text = (/** @type {import('../lib/bars.js').PlacedBar} */ one) => formatValue(one.value, series[one.series].field.config.unit, series[one.series].field.config.decimals);
  const color = (/** @type {import('../lib/bars.js').PlacedBar} */ one) => {
    const { field } = series[one.series];
    return /^(palette|fixed|shades)/.test(field.config.color.mode) ? series[one.series].color : display(field, one.value, fieldExtent(field, series.map((other) => other.field)), theme).color;
  };
  const tip = (/** @type {import('../lib/bars.js').PlacedBar} */ at) => (/** @type {PointerEvent} */ event) => {
    const rows = layout.bars.filter((one) => one.group === at.group).map((one) => ({ color: color(one), name: series[one.series].name, value: text(one), near: one === at }));
    showTip(me.current, html`<${SeriesTip} time=${labels[at.group]} rows=${rows} />`, { x: event.clientX, y: event.clientY });
  };
  const every = Math.max(1, Math.ceil((lying ? LINE_PX : Math.min(longest, 120)) / Math.max(1, pitch)));
  const hasValues = showValue === 'always' || (showValue === 'auto' && pitch * group / layout.slots > (lying ? LINE_PX : 44));
  const legend = readLegend(panel);
  const keys = series.map((one) => one.key);
  return html`<div class="${css.CHART} ${legend.place === 'right' ? css.CHART_RIGHT : ''}">
    <div class=${css.PLOT} ref=${host} onPointerLeave=${() => hideTip(me.current)}>${size.width > 0 && html`<svg class=${css.BARPLOT} width=${size.width} height=${size.height} role="img" aria-label=${`${panel.title || 'bars'}: ${labels.length} groups, ${series.length} series`}>
      ${ticks.map((tick, i) => (lying
        ? html`<g key=${tick}><line x1=${along(tick)} x2=${along(tick)} y1=${box.top} y2=${box.top + box.height} /><text x=${along(tick)} y=${box.top + box.height + LINE_PX - 2} text-anchor="middle">${texts[i]}</text></g>`
        : html`<g key=${tick}><line x1=${box.left} x2=${box.left + box.width} y1=${along(tick)} y2=${along(tick)} /><text x=${box.left - 8} y=${along(tick) + 4} text-anchor="end">${texts[i]}</text></g>`))}
      ${labels.map((label, i) => i % every === 0 && html`<text key=${i} x=${lying ? box.left - 8 : start(i) + pitch / 2} y=${lying ? start(i) + pitch / 2 + 4 : box.top + box.height + LINE_PX - 2} text-anchor=${lying ? 'end' : 'middle'}>${cut(label, lying ? left - 12 : pitch * every)}</text>`)}
      ${layout.bars.map((one) => html`<rect key=${`${one.series}|${one.group}`} ...${shape(one)} fill=${color(one)} data-value=${String(one.value)} onPointerMove=${tip(one)} />`)}
      ${hasValues && layout.bars.map((one) => {
        const { x, y, width, height } = shape(one);
        return html`<text key=${`t${one.series}|${one.group}`} class=${css.BARPLOT_VALUE} x=${lying ? x + width + 4 : x + width / 2} y=${lying ? y + height / 2 + 4 : y - 4} text-anchor=${lying ? 'start' : 'middle'}>${text(one)}</text>`;
      })}</svg>`}</div>
    ${legend.shown && series.length > 0 && html`<div class=${css.LEGEND}><${Legend} series=${series.map((one) => ({ ...one, hideFrom: one.field.config.custom.hideFrom ?? {} }))} options=${legend} onPoint=${() => undefined}
      onIsolate=${(/** @type {string} */ key) => setHidden(isolate(hidden, keys, key))} onToggle=${(/** @type {string} */ key) => setHidden(toggle(hidden, key))} /></div>`}</div>`;
}

/** @param {string} text @param {number} room px */
function cut(text, room) {
  const letters = Math.max(1, Math.floor(room / LETTER_PX));
  return text.length > letters ? `${text.slice(0, Math.max(1, letters - 1))}…` : text;
}
