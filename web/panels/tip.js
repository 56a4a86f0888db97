// The tooltip: one box for the whole page, beside the pointer and never under it, never off screen; and a box for each plot that
// follows the pointer where it is over another one.
import { html } from '../lib/html.js';
import { render } from '../vendor/preact/preact.js';
import * as css from './classes.js';
import { attributes } from './linked.js';

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
  box = newBox();
  addEventListener('scroll', () => (isPinned ? release() : hideTip(owner)), { capture: true, passive: true });
  addEventListener('scroll', () => [...followers.keys()].forEach(unfollowTip), { capture: true, passive: true });
  return box;
}

function newBox() {
  const element = document.createElement('div');
  element.className = css.TIP;
  element.setAttribute('role', 'tooltip');
  document.body.append(element);
  return element;
}

/** Boxes of plots that show what they have at the time of the pointer, which is over another one. @type {Map<object, HTMLElement>} */
const followers = new Map();

/** @param {object} by @param {any} content @param {{x: number, y: number}} at client px */
export function followTip(by, content, at) {
  const element = followers.get(by) ?? newBox();
  followers.set(by, element);
  element.classList.add(css.TIP_FOLLOWS);
  fill(element, content, at);
}

/** @param {object} by */
export function unfollowTip(by) {
  const element = followers.get(by);
  if (!element) return;
  followers.delete(by);
  render(null, element);
  element.remove();
}

/**
 * @param {object} by      who shows it; only the same one can hide it
 * @param {any} content
 * @param {{x: number, y: number}} at client px
 */
export function showTip(by, content, at) {
  if (isPinned) return;
  place(by, content, at);
}

/** Whether the box stays until a click elsewhere, so that something in it can be clicked. */
let isPinned = false;

/** Shows the box and holds it. @param {object} by @param {any} content @param {{x: number, y: number}} at client px */
function pinTip(by, content, at) {
  place(by, content, at);
  isPinned = true;
  tipBox().classList.add(css.TIP_PINNED);
  const end = (/** @type {Event} */ event) => {
    const isInside = event.target instanceof Node && tipBox().contains(event.target);
    if (event instanceof KeyboardEvent ? event.key !== 'Escape' : isInside) return;
    for (const name of ['pointerdown', 'keydown']) removeEventListener(name, end, true);
    release();
  };
  for (const name of ['pointerdown', 'keydown']) addEventListener(name, end, true);
}

function release() {
  isPinned = false;
  tipBox().classList.remove(css.TIP_PINNED);
  hideTip(owner);
}

/** @param {object} by @param {any} content @param {{x: number, y: number}} at */
function place(by, content, at) {
  owner = by;
  fill(tipBox(), content, at);
}

/** @param {HTMLElement} element @param {any} content @param {{x: number, y: number}} at */
function fill(element, content, { x, y }) {
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
  if (!box || owner !== by || isPinned) return;
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
const NOTES_MAX = 4;

/**
 * All series at one time. Sorted by the caller.
 * @param {{time: string, rows: TipRow[], notes?: {text: string, color: string}[], most?: number, linked?: boolean}} props notes: what is marked there;
 *   most: rows; linked: a click shows links
 */
export function SeriesTip({ time, rows, notes = [], most = ROWS_MAX, linked = false }) {
  const fits = Math.min(most, Math.max(6, Math.floor((innerHeight * SHARE_OF_SCREEN) / ROW_PX)));
  const near = rows.findIndex((row) => row.near);
  // The nearest series is always among those shown.
  const first = rows.length <= fits || near < fits ? 0 : Math.min(near - Math.floor(fits / 2), rows.length - fits);
  const shown = rows.slice(first, first + fits);
  return html`
    <div class=${css.TIP_TIME}>${time}</div>
    ${notes.slice(0, NOTES_MAX).map((note, at) => html`<div class=${css.TIP_NOTE} key=${`n${at}`} style=${{ borderColor: note.color }}>${note.text}</div>`)}
    ${first > 0 && html`<div class=${css.TIP_MORE}>${first} above</div>`}
    ${shown.map(
      (row) => html`<div class="${css.TIP_ROW} ${row.near ? css.TIP_NEAR : ''}">
      <i style=${{ background: row.color }} /><span class=${css.TIP_NAME}>${row.name}</span><span class=${css.TIP_VALUE}>${row.value}</span>
    </div>`,
    )}
    ${first + shown.length < rows.length && html`<div class=${css.TIP_MORE}>${rows.length - first - shown.length} more</div>`}
    ${linked && html`<${ClickHint} />`}`;
}

/** Tells that there is more behind a point. */
export function ClickHint() {
  return html`<div class=${css.TIP_MORE}>Click for what is behind it</div>`;
}

/** The links of a value, held until one is followed. @param {object} by @param {string} title @param {import('../lib/links.js').Link[]} links @param {{x: number, y: number}} at client px */
export function pinLinks(by, title, links, at) {
  if (links.length === 0) return;
  pinTip(by, html`<div class=${css.TIP_TIME}>${title}</div>${links.map((link) => html`<a key=${link.href} class=${css.TIP_LINK} ...${attributes(link)} onClick=${() => setTimeout(release)}>${link.title}</a>`)}`, at);
}
