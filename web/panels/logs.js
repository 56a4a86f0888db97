// Lines of logs: what one can do with all of them on top, then line by line. The same in dashboards and in Explore.
import { html } from '../lib/html.js';
import { useEffect, useMemo, useRef, useState } from '../vendor/preact/hooks.js';
import { plural } from '../lib/format.js';
import { asJson, asText } from '../lib/logexport.js';
import { arranged, commonLabels } from '../lib/loglines.js';
import { soughtBy } from '../lib/loghighlight.js';
import { interpolate } from '../lib/interpolate.js';
import { panelTargets } from '../lib/plan.js';
import * as css from './classes.js';
import { Line } from './logline.js';
import { useReport } from './report.js';
import { saveFile } from './save.js';

/** @typedef {import('../lib/loglines.js').LogLine} LogLine */

/**
 * What the page does where the panel alone cannot: in a dashboard there is none of it, and filters lead into Explore.
 * @typedef {object} LogActions
 * @property {(refId: string, query: string) => void} [onQuery]
 * @property {(oldest: boolean) => void} [onOrder] asks for the other end of the range
 * @property {boolean} [isLive] lines come by themselves: the newest on the page are kept in view
 */

/** Lines put on the page at first, and each time the reader comes near their end. */
const CHUNK = 200;
/** How near, px. */
const NEAR_PX = 400;

/** @param {import('./index.js').KindProps & {logs?: LogActions}} props */
export function Logs({ panel, frames, timeRange, variables, report, logs = {} }) {
  const options = panel?.options ?? {};
  const [open, setOpen] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const [isWrapped, setWrapped] = useState(options.wrapLogMessage !== false);
  const [flipped, setFlipped] = useState(false);
  const [count, setCount] = useState(CHUNK);
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const isOldest = (options.sortOrder === 'Ascending') !== flipped;
  const lines = useMemo(() => arranged(frames.lines, { ...options, sortOrder: isOldest ? 'Ascending' : 'Descending' }), [frames.lines, panel, isOldest]);
  const common = useMemo(() => commonLabels(frames.lines), [frames.lines]);
  const queries = useMemo(() => queriesOf(panel, variables ?? {}), [panel, variables]);
  const asked = [...queries.values()].map(({ query }) => query).join('\n');
  // A refresh leaves the reader where he is; other queries begin at the top.
  useEffect(() => setCount(CHUNK), [asked]);
  const shown = lines.slice(0, count);
  useReport(report, { series: new Set(frames.lines.map((line) => line.labels)).size, points: lines.length, rows: shown.length });
  const more = () => {
    const element = host.current;
    if (element && element.scrollTop + element.clientHeight > element.scrollHeight - NEAR_PX && count < lines.length) setCount(count + CHUNK);
  };
  const flip = (/** @type {string} */ key) => {
    const next = new Set(open);
    if (!next.delete(key)) next.add(key);
    setOpen(next);
  };
  const order = () => (logs.onOrder ? logs.onOrder(!isOldest) : setFlipped(!flipped));
  const look = { utc: timeRange.utc === true, options, common, queries, lines: frames.lines, timeRange, logs };
  return html`<div class=${css.LOGS} data-wrap=${isWrapped ? '' : undefined}>
    <${Head} ...${{ lines, common, options, isWrapped, isOldest, title: panel.title }} onWrap=${() => setWrapped(!isWrapped)} onOrder=${logs.isLive ? null : order} />
    <div class=${css.LOGS_LINES} ref=${host} onScroll=${more} tabindex="0" role="log" aria-live="off" aria-label=${panel.title || 'Logs'}>
      ${shown.map(({ one, repeats }) => html`<${Line} key=${one.key} ...${{ one, repeats, look, open: open.has(one.key), onFlip: () => flip(one.key) }} />`)}
      ${count < lines.length && html`<p class=${css.LOGS_MORE}><button type="button" onClick=${() => setCount(count + CHUNK)}>${lines.length - count} more below</button></p>`}</div></div>`;
}

/** @typedef {{query: string, sought: RegExp[]}} Asked a query as it was sent, and what it looks for */

/** By the letter of the target. @param {any} panel @param {import('../lib/interpolate.js').Variables} variables @returns {Map<string, Asked>} */
function queriesOf(panel, variables) {
  return new Map(panelTargets(panel).map(({ refId, json }) => {
    const query = interpolate(json.expr, variables, 'logql');
    return [refId, { query, sought: soughtBy(query) }];
  }));
}

/**
 * @param {{lines: {one: LogLine}[], common: Record<string, string>, options: any, isWrapped: boolean, isOldest: boolean, title: string,
 *   onWrap: () => void, onOrder: (() => void) | null}} props
 */
function Head({ lines, common, options, isWrapped, isOldest, title, onWrap, onOrder }) {
  const save = (/** @type {string} */ ending, /** @type {string} */ type, /** @type {(lines: LogLine[]) => string} */ write) => () => saveFile(`${title || 'logs'}.${ending}`, type, write(lines.map(({ one }) => one)));
  return html`<div class=${css.LOGS_HEAD}><span class=${css.LOGS_COUNT}>${plural(lines.length, 'line')}</span>
    ${options.showCommonLabels === true && Object.entries(common).map(([name, value]) => html`<span class=${css.LOGS_LABEL} key=${name}>${name}=${value}</span>`)}
    <span class=${css.LOGS_TOOLS}>
      ${onOrder && html`<button type="button" onClick=${onOrder} title="Turn the order round">${isOldest ? 'Oldest first ↑' : 'Newest first ↓'}</button>`}
      <button type="button" aria-pressed=${isWrapped} onClick=${onWrap}>Wrap lines</button>
      <button type="button" disabled=${lines.length === 0} title="Save the lines as text" onClick=${save('txt', 'text/plain', asText)}>Save .txt</button>
      <button type="button" disabled=${lines.length === 0} title="Save lines, labels and metadata as JSON" onClick=${save('json', 'application/json', asJson)}>.json</button>
    </span></div>`;
}
