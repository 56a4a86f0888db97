// The answers as a graph and a table, side by side where there is room, and what they cost.
import { html } from '../../lib/html.js';
import { useMemo } from '../../vendor/preact/hooks.js';
import { useSignal } from '../../vendor/signals/signals.js';
import { Panel } from '../../panels/index.js';
import { toFrames } from '../../lib/frames.js';
import { STYLES, costOf, saidOf } from '../../lib/explore.js';
import { formatBytes, formatCount, formatShort, plural } from '../../lib/format.js';
import { dragged, pinned } from '../../lib/ranges.js';
import { csvOf } from '../../lib/tables.js';
import { formatDuration } from '../../lib/time.js';
import { params, setParams } from '../../shell/address.js';
import { range, setRange, utc } from '../../shell/clock.js';
import { Icon } from '../../shell/icons.js';
import { Empty, Failed, Stale } from '../../shell/notice.js';
import { saveFile } from '../../panels/save.js';
import { theme } from '../../shell/theme.js';

/** @typedef {import('./answers.js').Answers} Answers */

/** @param {{answers: Answers}} props */
export function Results({ answers }) {
  const { asked, results, error } = answers;
  if (asked.every((expr) => expr === '')) {
    return html`<${Empty} title="Ask something" why="Names, labels and functions are offered while you type. Enter runs the query, Shift-Enter begins a line." />`;
  }
  if (results.length === 0 && error) return html`<${Failed} what="The answer" error=${error} />`;
  return html`<${Stale} error=${error} />
    <${Cost} answers=${answers} />
    <${Drawings} answers=${answers} />`;
}

/** A graph and a table. @param {{answers: Answers}} props */
export function Drawings({ answers }) {
  const { results } = answers;
  return html`<div class="explore-answers">
      <${Drawing} name="graph" answers=${answers} tools=${html`<${StyleChoice} />`} />
      <${Drawing} name="table" answers=${answers} tools=${html`<button type="button" class="button button-small" disabled=${results.length === 0}
        onClick=${() => saveFile('explore.csv', 'text/csv', csvOf(results))}><${Icon} name="download" /> CSV</button>`} />
    </div>`;
}

/** @param {{answers: Answers}} props keeps its place while there is nothing to say */
export function Cost({ answers: { results, language, tookMs, loading } }) {
  const cost = costOf(results);
  if (loading || results.length === 0) return html`<p class="explore-cost muted" role="status">${loading ? 'Asking' : ''}</p>`;
  const read = language === 'logql' ? `read ${plural(cost.linesRead, 'line')}, ${formatBytes(cost.bytesRead)}` : `read ${formatCount(cost.samplesRead)} samples of ${formatCount(cost.seriesRead)} series`;
  const hasLines = results.some(({ kind }) => kind === 'logs');
  const found = [hasLines ? plural(cost.lines, 'line') : '', cost.series > 0 || !hasLines ? plural(cost.series, 'series') : ''].filter(Boolean).join(', ');
  return html`<p class="explore-cost muted" role="status">${found}${cost.stepMs > 0 ? `, a point every ${formatDuration(cost.stepMs)}` : ''}. Evaluated in ${formatShort(cost.tookMs)} ms, ${read}; here after ${formatShort(tookMs)} ms.</p>`;
}

function StyleChoice() {
  const now = params.value.get('style') ?? 'lines';
  return html`<div class="segmented segmented-small" role="group" aria-label="How the graph is drawn">${STYLES.map(([name, word]) => html`<button type="button" key=${name} aria-pressed=${name === now}
    onClick=${() => setParams({ style: name === 'lines' ? null : name }, { replace: true })}>${word}</button>`)}</div>`;
}

/** @param {number} from @param {number} to */
export const zoom = (from, to) => setRange(pinned(dragged(from, to)));

/** @param {{name: 'graph' | 'table', answers: Answers, tools: any}} props */
function Drawing({ name, answers, tools }) {
  const hover = useSignal({ t: /** @type {number | null} */ (null) });
  const panel = answers.panels[name];
  const shown = answers.range ?? range.value;
  const frames = useMemo(() => (answers.results.length > 0 ? toFrames(panel, answers.results, { ...shown }) : null), [panel, answers.results]);
  const state = stateOf(answers, panel, frames);
  return html`<section class="explore-panel explore-${name}" aria-label=${panel.title} data-panel-title=${panel.title}>
    <header class="explore-head"><h2>${panel.title}</h2>${tools}</header>
    <div class="explore-inside"><${Panel} panel=${panel} frames=${frames} state=${state} timeRange=${{ ...shown, utc: utc.value }} theme=${theme.value} onZoom=${zoom} hover=${hover} /></div>
  </section>`;
}

/** @param {Answers} answers @param {any} panel @param {any} frames @returns {import('../../lib/types.d.ts').PanelState} */
function stateOf(answers, panel, frames) {
  if (!frames) return { kind: 'loading', message: 'Loading' };
  if (panel.targets.length === 0) return { kind: 'empty', message: 'None of the queries has a curve.' };
  if (frames.state.kind !== 'empty') return frames.state;
  // Why stands beside the query that it is about.
  const isSaid = answers.asked.some((_, at) => saidOf(answers.results, at).why !== null);
  return { kind: 'empty', message: isSaid ? '' : 'No series in this time range.' };
}
