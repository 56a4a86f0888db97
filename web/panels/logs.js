// Lines of logs: time, a bar for the level, the line; each unfolds to its labels and the fields it holds.
import { html } from '../lib/html.js';
import { useEffect, useMemo, useRef, useState } from '../vendor/preact/hooks.js';
import { formatDate } from '../lib/dates.js';
import { arranged, commonLabels, fieldsOf } from '../lib/loglines.js';
import * as css from './classes.js';
import { useReport } from './report.js';

/** @typedef {import('../lib/loglines.js').LogLine} LogLine */

/** Lines put on the page at first, and each time the reader comes near their end. */
const CHUNK = 200;
/** How near, px. */
const NEAR_PX = 400;

/** @param {import('./index.js').KindProps} props */
export function Logs({ panel, frames, timeRange, report }) {
  const options = panel?.options ?? {};
  const [open, setOpen] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const [isWrapped, setWrapped] = useState(options.wrapLogMessage !== false);
  const [count, setCount] = useState(CHUNK);
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const lines = useMemo(() => arranged(frames.lines, options), [frames.lines, panel]);
  const common = useMemo(() => commonLabels(frames.lines), [frames.lines]);
  useEffect(() => setCount(CHUNK), [panel]);
  const shown = lines.slice(0, count);
  useReport(report, { series: new Set(frames.lines.map((line) => JSON.stringify(line.labels))).size, points: lines.length, rows: shown.length });
  const more = () => {
    const element = host.current;
    if (element && element.scrollTop + element.clientHeight > element.scrollHeight - NEAR_PX && count < lines.length) setCount(count + CHUNK);
  };
  const flip = (/** @type {string} */ key) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  const look = { utc: timeRange.utc === true, options, common };
  const told = Object.entries(common);
  return html`<div class=${css.LOGS} data-wrap=${isWrapped ? '' : undefined}>
    <div class=${css.LOGS_HEAD}><span>${lines.length} lines</span>
      ${options.showCommonLabels === true && told.map(([name, value]) => html`<span class=${css.LOGS_LABEL} key=${name}>${name}=${value}</span>`)}
      <button type="button" aria-pressed=${isWrapped} onClick=${() => setWrapped(!isWrapped)}>Wrap lines</button></div>
    <div class=${css.LOGS_LINES} ref=${host} onScroll=${more} tabindex="0" role="log" aria-label=${panel.title || 'Logs'}>
      ${shown.map(({ one, repeats }) => html`<${Line} key=${one.key} ...${{ one, repeats, look, open: open.has(one.key), onFlip: () => flip(one.key) }} />`)}
      ${count < lines.length && html`<p class=${css.LOGS_MORE}>${lines.length - count} more below</p>`}</div></div>`;
}

/** @typedef {{utc: boolean, options: any, common: Record<string, string>}} Look */

/** @param {{one: LogLine, repeats: number, look: Look, open: boolean, onFlip: () => void}} props */
function Line({ one, repeats, look, open, onFlip }) {
  const { options, utc, common } = look;
  const own = Object.entries(one.labels).filter(([name]) => !Object.hasOwn(common, name));
  const text = options.prettifyLogMessage === true ? pretty(one.line) : one.line;
  const canOpen = options.enableLogDetails !== false;
  // Words that are being marked are not a click.
  const click = () => canOpen && String(getSelection() ?? '') === '' && onFlip();
  return html`<div class=${css.LOG} data-level=${one.level} data-open=${open ? '' : undefined}>
    <div class=${css.LOG_LINE} onClick=${click}>
      <button type="button" class=${css.LOG_TWIST} aria-expanded=${open} disabled=${!canOpen} aria-label=${`${one.level === 'unknown' ? 'line' : one.level}: details`} onClick=${(/** @type {Event} */ event) => {
        event.stopPropagation();
        onFlip();
      }}>${open ? '▾' : '▸'}</button>
      ${options.showTime !== false && html`<time datetime=${new Date(one.ms).toISOString()}>${formatDate(one.ms, 'YYYY-MM-DD HH:mm:ss.SSS', utc)}</time>`}
      ${options.showLabels === true && html`<span class=${css.LOGS_LABEL}>${own.map(([name, value]) => `${name}=${value}`).join(' ')}</span>`}
      <span class=${css.LOG_TEXT}>${text}</span>
      ${repeats > 0 && html`<span class=${css.LOG_TIMES} title="alike lines that follow are not shown">× ${repeats + 1}</span>`}</div>
    ${open && html`<${Details} one=${one} />`}</div>`;
}

/** @param {{one: LogLine}} props */
function Details({ one }) {
  const parts = /** @type {[string, [string, string][]][]} */ ([
    ['Fields', fieldsOf(one.line)],
    ['Labels', Object.entries(one.labels)],
    ['Metadata', Object.entries(one.metadata)],
  ]).filter(([, pairs]) => pairs.length > 0);
  return html`<div class=${css.LOG_DETAILS}>${parts.length === 0 && html`<p>The line has no labels and no fields.</p>`}
    ${parts.map(([title, pairs]) => html`<section key=${title}><h4>${title}</h4><dl>${pairs.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`)}</div>`;
}

/** JSON over several lines, so that it can be read. @param {string} line */
function pretty(line) {
  if (!/^\s*[{[]/.test(line)) return line;
  try {
    return JSON.stringify(JSON.parse(line), null, 2);
  } catch {
    return line;
  }
}
