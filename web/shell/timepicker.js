// The time range: quick ranges, typed ends, ranges chosen before, shift and zoom, UTC or local.
import { html } from '../lib/html.js';
import { useState } from '../vendor/preact/hooks.js';
import { QUICK_RANGES, pinned, rangeName, shifted, zoomedOut } from '../lib/ranges.js';
import { formatTimeShort, parseTime, resolveRange, zoneName } from '../lib/time.js';
import { range, rangeReadable, rangeText, recentRanges, setRange, setUtc, utc } from './clock.js';
import { Icon } from './icons.js';
import { Popover } from './popover.js';
import { useKey } from './keys.js';

/** @typedef {import('../lib/types.d.ts').RangeText} RangeText */

export function TimePicker() {
  const [open, setOpen] = useState(false);
  const now = Date.now();
  const name = rangeReadable.value ? rangeName(rangeText.value, utc.value, now) : 'Unreadable range';
  const move = (/** @type {-1 | 1} */ direction) => setRange(pinned(shifted(range.value, direction, Date.now())));
  const widen = () => setRange(pinned(zoomedOut(range.value, Date.now())));
  useKey('t', 'Time range', () => setOpen(true));
  const pick = (/** @type {RangeText} */ next) => {
    setRange(next);
    setOpen(false);
  };
  return html`<div class="joined" role="group" aria-label="Time range">
    <button type="button" class="button button-icon only-wide" onClick=${() => move(-1)} aria-label="Earlier" title="Earlier"><${Icon} name="left" /></button>
    <${Popover} open=${open} onToggle=${setOpen} className="button time-button" label="Choose the time range (t)"
      button=${html`<${Icon} name="clock" /><span class="time-name">${name}</span><span class="muted time-zone">${zoneName(now, utc.value)}</span>`}>
      <${PickerPanel} pick=${pick} />
    <//>
    <button type="button" class="button button-icon only-wide" onClick=${() => move(1)} aria-label="Later" title="Later"><${Icon} name="right" /></button>
    <button type="button" class="button button-icon only-wide" onClick=${widen} aria-label="Zoom out" title="Zoom out"><${Icon} name="zoomOut" /></button>
  </div>`;
}

/** @param {{pick: (next: RangeText) => void}} props */
function PickerPanel({ pick }) {
  const current = rangeText.value;
  const isCurrent = (/** @type {string} */ from, /** @type {string} */ to) => from === current.from && to === current.to;
  const recent = recentRanges.value.filter((r) => !QUICK_RANGES.some(([from, to]) => from === r.from && to === r.to));
  return html`<div class="picker">
    <div class="picker-typed">
      <${TypedRange} pick=${pick} />
      ${recent.length > 0 && html`<h2>Used before</h2>
        <div class="menu">${recent.map((r) => html`<button type="button" key=${r.from + r.to} onClick=${() => pick(r)}>${rangeName(r, utc.value, Date.now())}</button>`)}</div>`}
      <h2>Times are shown in</h2>
      <div class="segmented" role="radiogroup" aria-label="Time zone">
        <button type="button" role="radio" aria-checked=${!utc.value} onClick=${() => setUtc(false)}>Local (${zoneName(Date.now(), false)})</button>
        <button type="button" role="radio" aria-checked=${utc.value} onClick=${() => setUtc(true)}>UTC</button>
      </div>
    </div>
    <div class="menu picker-quick">${QUICK_RANGES.map(([from, to, name]) => html`<button type="button" key=${name} aria-pressed=${isCurrent(from, to)}
      onClick=${() => pick({ from, to })}>${name}${isCurrent(from, to) && html`<${Icon} name="check" />`}</button>`)}</div>
  </div>`;
}

/** An end as its field shows it: epochs become dates, words stay. @param {string} text */
function typedForm(text) {
  const at = /^\d+$/.test(text) ? Number(text) : null;
  return at === null ? text : formatTimeShort(at, utc.peek());
}

/** @param {{pick: (next: RangeText) => void}} props */
function TypedRange({ pick }) {
  const [from, setFrom] = useState(typedForm(rangeText.peek().from));
  const [to, setTo] = useState(typedForm(rangeText.peek().to));
  const [problem, setProblem] = useState('');
  const type = (/** @type {(text: string) => void} */ set) => (/** @type {any} */ event) => {
    setProblem('');
    set(event.target.value);
  };
  const apply = (/** @type {Event} */ event) => {
    event.preventDefault();
    const said = problemOf({ from, to });
    if (said) setProblem(said);
    else pick({ from: keep(from), to: keep(to) });
  };
  return html`<form class="typed" onSubmit=${apply}>
    <label>From <input class="field mono" type="text" autocomplete="off" spellcheck=${false} value=${from} onInput=${type(setFrom)} /></label>
    <label>To <input class="field mono" type="text" autocomplete="off" spellcheck=${false} value=${to} onInput=${type(setTo)} /></label>
    <p class=${problem ? 'typed-problem' : 'muted'} role=${problem ? 'alert' : undefined}>${problem || 'now-6h, now/d, 2026-11-20 14:00'}</p>
    <button type="submit" class="button button-primary">Show</button>
  </form>`;
}

/** Words stay words; a typed date is kept in ms, so that the link means the same in another zone. @param {string} text */
function keep(text) {
  const trimmed = text.trim();
  if (trimmed.startsWith('now')) return trimmed;
  // A bare date keeps its form, as it means a whole day at the end of a range.
  if (/^\d{4}-\d{1,2}-\d{1,2}$/.test(trimmed)) return trimmed;
  return String(parseTime(trimmed, { now: Date.now(), end: false, utc: utc.peek() }) ?? trimmed);
}

/** @param {RangeText} text */
function problemOf(text) {
  const now = Date.now();
  for (const [name, typed] of [['From', text.from], ['To', text.to]]) {
    if (parseTime(typed, { now, end: false, utc: utc.peek() }) === null) return `${name} is not a time we can read.`;
  }
  return resolveRange(text, now, utc.peek()) === null ? 'From must be before To.' : '';
}
