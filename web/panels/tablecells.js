// The cells of a table: text, coloured text or ground, bars, small lines, pills, pictures, JSON, links.
import { html } from '../lib/html.js';
import { readableOn, withAlpha } from '../lib/color.js';
import { formatDate } from '../lib/dates.js';
import { display, fieldExtent } from '../lib/display.js';
import { resolveLinks } from '../lib/links.js';
import { safeUrl } from '../lib/markdown.js';
import { parseRich } from '../lib/richtext.js';
import { alignOf, cellLook } from '../lib/tableview.js';
import { mapValue } from '../lib/thresholds.js';
import { formatValue } from '../lib/units.js';
import { BarTrack } from './bargauge.js';
import * as css from './classes.js';
import { attributes, Linked } from './linked.js';
import { Sparkline } from './stat.js';
import { toElement } from './text.js';

/** @typedef {import('../lib/shown.js').ShownColumn} ShownColumn */
/** @typedef {import('../lib/color.js').Theme} Theme */

/**
 * @typedef {object} Look what all cells of a table share
 * @property {Theme} theme
 * @property {boolean} utc
 * @property {ShownColumn[]} columns
 * @property {import('../lib/interpolate.js').Variables} variables
 */

/** Size of a small line in a cell, px. */
const SPARK_PX = { width: 120, height: 22 };

/**
 * What a cell shows, and in which colour.
 * @param {ShownColumn} one @param {number} row @param {Look} look
 */
export function shownCell(one, row, { theme, utc, columns }) {
  const value = one.type === 'series' ? one.values[row]?.stat : one.values[row];
  if (one.type === 'number' || one.type === 'series') {
    const numbers = columns.filter((other) => other.type === 'number');
    return display(one, value, fieldExtent(one, one.type === 'series' ? [one] : numbers), theme);
  }
  const shown = display({ ...one, config: { ...one.config, unit: '' } }, null, { min: 0, max: 100 }, theme);
  const mapped = mapValue(value, one.config.mappings);
  const color = mapped?.color ? display({ ...one, config: { ...one.config, color: { mode: 'fixed', fixedColor: mapped.color } } }, 0, { min: 0, max: 100 }, theme).color : shown.color;
  const text = mapped?.text ?? (one.type === 'time' ? timeText(value, one, utc) : value === null || value === undefined ? (one.config.noValue ?? '') : String(value));
  return { ...shown, prefix: '', text, suffix: '', color };
}

/** @param {unknown} ms @param {ShownColumn} one @param {boolean} utc */
function timeText(ms, one, utc) {
  if (typeof ms !== 'number') return '';
  const { unit } = one.config;
  if (unit.startsWith('time:')) return formatDate(ms, unit.slice(5).trim(), utc);
  return unit !== '' && unit !== 'dateTimeAsSystem' && unit !== 'dateTimeAsIso' ? formatValue(ms, unit) : formatDate(ms, 'YYYY-MM-DD HH:mm:ss', utc);
}

/** @param {ShownColumn} one @param {number} row @param {Look} look */
export function cellText(one, row, look) {
  const { prefix, text, suffix } = shownCell(one, row, look);
  return `${prefix}${text}${suffix}`;
}

/** Colours of a cell by its look. @param {{type: string, mode: string}} how @param {string} color */
export function cellColours({ type, mode }, color) {
  if (type === 'color-text') return { color };
  if (type !== 'color-background') return {};
  return { background: mode === 'gradient' ? `linear-gradient(120deg, ${color}, ${withAlpha(color, 0.75)})` : color, color: readableOn(color) };
}

/** @param {{one: ShownColumn, row: number, look: Look}} props */
export function Cell({ one, row, look }) {
  const how = cellLook(one);
  const shown = shownCell(one, row, look);
  const text = `${shown.prefix}${shown.text}${shown.suffix}`;
  const links = resolveLinks(one.config.links, look.variables, {
    name: one.name, labels: one.labels, text, raw: one.type === 'series' ? one.values[row]?.stat : one.values[row],
    time: look.columns.find((other) => other.type === 'time')?.values[row] ?? null,
    row: one.config.links.length > 0 ? look.columns.map((other) => ({ name: other.name, text: cellText(other, row, look) })) : [],
  });
  const draw = KINDS[how.type] ?? KINDS.auto;
  const linked = how.type === 'data-links' ? html`${links.map((link, at) => html`<a key=${at} class=${css.LINK} ...${attributes(link)}>${link.title}</a> `)}` : html`<${Linked} links=${links}>${draw({ one, row, shown, text, how })}<//>`;
  return html`<td style=${{ textAlign: alignOf(one), ...cellColours(how, shown.color) }} class=${how.wrap ? css.TABLE_WRAP : ''} data-value=${typeof one.values[row] === 'number' ? String(one.values[row]) : undefined}
    title=${text.length > 30 && how.type === 'auto' ? text : undefined}>${linked}</td>`;
}

/** @typedef {{one: ShownColumn, row: number, shown: import('../lib/display.js').Display, text: string, how: ReturnType<typeof cellLook>}} Drawn */

/** @type {Record<string, (drawn: Drawn) => any>} */
const KINDS = {
  auto: ({ text }) => text,
  gauge: ({ one, shown, text, how }) => html`<span class=${css.TABLE_BAR}><${BarTrack} color=${shown.color} share=${shown.percent} mode=${how.mode === 'basic' ? 'basic' : how.mode} />
    ${how.valueMode !== 'hidden' && html`<span style=${how.valueMode === 'text' ? {} : { color: shown.color }} data-of=${one.name}>${text}</span>`}</span>`,
  sparkline: ({ one, row, shown, text }) => {
    const { x = [], values = [] } = one.values[row] ?? {};
    return html`<span class=${css.TABLE_SPARK}>${Sparkline({ values, x, color: shown.color, ...SPARK_PX, extent: [one.config.min, one.config.max] })}<span>${text}</span></span>`;
  },
  pill: ({ shown, text }) => html`<span class=${css.TABLE_PILL} style=${{ background: shown.color, color: readableOn(shown.color) }}>${text}</span>`,
  image: ({ text }) => (safeUrl(text) ? html`<img class=${css.TABLE_IMAGE} src=${text} alt="" />` : text),
  'json-view': ({ text }) => html`<code>${text}</code>`,
  json: ({ text }) => html`<code>${text}</code>`,
  markdown: ({ text }) => parseRich(text).map(toElement),
};
