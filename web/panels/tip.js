// The tooltip: one box for the whole page, beside the pointer and never under it, never off screen.
import { html } from '../lib/html.js';
import { render } from '../vendor/preact/preact.js';
import * as css from './classes.js';

/** Distance from the pointer, and from the edge of the window, px. */
const AWAY = 16;
const EDGE = 8;

/** @type {HTMLElement | null} */
let box = null;
/** @type {object | null} */
let owner = null;

/** @returns {HTMLElement} */
function tipBox() {
  if (box) return box;
  box = document.createElement('div');
  box.className = css.TIP;
  box.setAttribute('role', 'tooltip');
  document.body.append(box);
  addEventListener('scroll', () => hideTip(owner), { capture: true, passive: true });
  return box;
}

/**
 * @param {object} by      who shows it; only the same one can hide it
 * @param {any} content
 * @param {{x: number, y: number}} at client px
 */
export function showTip(by, content, { x, y }) {
  const element = tipBox();
  owner = by;
  render(content, element);
  element.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = element;
  const right = x + AWAY;
  const fitsRight = right + width + EDGE <= innerWidth;
  const fitsLeft = x - AWAY - width >= EDGE;
  // On a narrow screen neither side has room: then above or below the pointer.
  const isBeside = fitsRight || fitsLeft;
  const left = fitsRight ? right : fitsLeft ? x - AWAY - width : Math.max(EDGE, Math.min(x - width / 2, innerWidth - width - EDGE));
  const wished = isBeside ? y - height / 2 : y - height - AWAY >= EDGE ? y - height - AWAY : y + AWAY;
  element.style.left = `${Math.round(left)}px`;
  element.style.top = `${Math.round(Math.max(EDGE, Math.min(wished, innerHeight - height - EDGE)))}px`;
}

/** @param {object | null} by */
export function hideTip(by) {
  if (!box || owner !== by) return;
  owner = null;
  box.hidden = true;
  render(null, box);
}

/**
 * @typedef {object} TipRow
 * @property {string} color
 * @property {string} name
 * @property {string} value
 * @property {boolean} near
 */

/** Height of a row, px; the rows that do not fit on the screen are counted in words. */
const ROW_PX = 19;
const SHARE_OF_SCREEN = 0.6;
const ROWS_MAX = 20;

/**
 * All series at one time. Sorted by the caller.
 * @param {{time: string, rows: TipRow[]}} props
 */
export function SeriesTip({ time, rows }) {
  const fits = Math.min(ROWS_MAX, Math.max(6, Math.floor((innerHeight * SHARE_OF_SCREEN) / ROW_PX)));
  const near = rows.findIndex((row) => row.near);
  // The nearest series is always among those shown.
  const first = rows.length <= fits || near < fits ? 0 : Math.min(near - Math.floor(fits / 2), rows.length - fits);
  const shown = rows.slice(first, first + fits);
  return html`
    <div class=${css.TIP_TIME}>${time}</div>
    ${first > 0 && html`<div class=${css.TIP_MORE}>${first} above</div>`}
    ${shown.map(
      (row) => html`<div class="${css.TIP_ROW} ${row.near ? css.TIP_NEAR : ''}">
      <i style=${{ background: row.color }} /><span class=${css.TIP_NAME}>${row.name}</span><span class=${css.TIP_VALUE}>${row.value}</span>
    </div>`,
    )}
    ${first + shown.length < rows.length && html`<div class=${css.TIP_MORE}>${rows.length - first - shown.length} more</div>`}`;
}
