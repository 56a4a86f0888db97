// One line: time, a bar for the level, the text with what the query found in it; unfolds to what it holds.
import { html } from '../lib/html.js';
import { formatDate } from '../lib/dates.js';
import { plural } from '../lib/format.js';
import { piecesOf } from '../lib/loghighlight.js';
import * as css from './classes.js';
import { Details } from './logdetails.js';

/** @typedef {import('../lib/loglines.js').LogLine} LogLine */

/** Letters of a line that is not unfolded: some hundred lines of a quarter of a megabyte each would hold up the page. */
const SHOWN_MAX = 5000;

/**
 * @typedef {object} Look
 * @property {boolean} utc
 * @property {any} options of the panel
 * @property {Record<string, string>} common labels that all lines share
 * @property {Map<string, import('./logs.js').Asked>} queries
 * @property {LogLine[]} lines all that are shown
 * @property {{from: number, to: number}} timeRange
 * @property {import('./logs.js').LogActions} logs
 */

/** @param {{one: LogLine, repeats: number, look: Look, open: boolean, onFlip: () => void}} props */
export function Line({ one, repeats, look, open, onFlip }) {
  const { options, utc, common, queries } = look;
  const own = Object.entries(one.labels).filter(([name]) => !Object.hasOwn(common, name));
  const whole = options.prettifyLogMessage === true ? pretty(one.line) : one.line;
  const text = open ? whole : whole.slice(0, SHOWN_MAX);
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
      <${Marked} text=${text} sought=${queries.get(one.refId)?.sought ?? []} />
      ${text.length < whole.length && html`<span class=${css.LOG_TIMES}>${plural(whole.length - text.length, 'more letter')}</span>`}
      ${repeats > 0 && html`<span class=${css.LOG_TIMES} title="alike lines that follow are not shown">× ${repeats + 1}</span>`}</div>
    ${open && html`<${Details} one=${one} look=${look} />`}</div>`;
}

/** @param {{text: string, sought: RegExp[]}} props */
export function Marked({ text, sought }) {
  return html`<span class=${css.LOG_TEXT}>${piecesOf(text, sought).map(({ text: piece, hit }, at) => (hit ? html`<mark key=${at}>${piece}</mark>` : piece))}</span>`;
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
