// Answers of LogQL: how many lines over time, the lines; numbers as a graph and a table.
import { html } from '../../lib/html.js';
import { useMemo, useRef } from '../../vendor/preact/hooks.js';
import { useSignal } from '../../vendor/signals/signals.js';
import { Panel } from '../../panels/index.js';
import { toFrames } from '../../lib/frames.js';
import { LINES_ASKED } from '../../lib/explore.js';
import { formatCount } from '../../lib/format.js';
import { mergedVolume, volumePanel } from '../../lib/logvolume.js';
import { pinned } from '../../lib/ranges.js';
import { setParams } from '../../shell/address.js';
import { range, setRange, utc } from '../../shell/clock.js';
import { Empty, Failed, Loading, Stale } from '../../shell/notice.js';
import { theme } from '../../shell/theme.js';
import { Cost, Drawings, zoom } from './results.js';

/** @typedef {import('./answers.js').Answers} Answers */

/** Where nothing was found a day may hold something. */
const WIDE = { from: 'now-24h', to: 'now' };

/** @typedef {{answers: Answers, oldest: boolean, onQuery: (refId: string, query: string) => void}} LinesProps */

/** @param {LinesProps} props */
export function Lines({ answers, oldest, onQuery }) {
  const kept = useRef(/** @type {Answers | null} */ (null));
  const { asked, results, loading, error } = answers;
  if (asked.every((expr) => expr === '')) {
    return html`<${Empty} title="Ask the logs something" why=${html`Begin with the streams: <code>${'{job="flask-app"}'}</code>. Labels, values, filters and functions are offered while you type. Enter runs the query.`} />`;
  }
  if (results.length === 0 && error) return html`<${Failed} what="The answer" error=${error} />`;
  if (!loading) kept.current = answers;
  // What was found last stays until the next is there, so that a filter does not make the page jump; but nothing on it can be clicked.
  const shown = loading ? kept.current : answers;
  if (!shown) return html`<${Cost} answers=${answers} /><${Loading} what="the answer" rows=${8} />`;
  return html`<${Stale} error=${error} />
    <${Cost} answers=${answers} />
    <div class="explore-found" data-loading=${loading ? '' : undefined} aria-busy=${loading}>
      ${shown.panels.lines.targets.length > 0 && html`<${Volume} answers=${shown} /><${Found} answers=${shown} oldest=${oldest} onQuery=${onQuery} />`}
      ${shown.panels.table.targets.length > 0 && html`<${Drawings} answers=${shown} />`}</div>`;
}

/** @param {{answers: Answers}} props drag zooms */
function Volume({ answers }) {
  const hover = useSignal({ t: /** @type {number | null} */ (null) });
  const shown = answers.range ?? range.value;
  const { panel, frames } = useMemo(() => {
    const merged = mergedVolume(answers.results);
    const panel = volumePanel(merged?.series?.some(({ labels }) => labels.level !== 'unknown') ?? false);
    return { panel, frames: merged ? toFrames(panel, [merged], { ...shown }) : null };
  }, [answers.results]);
  const failed = answers.results.find(({ id, error }) => id.startsWith(`${panel.id}:`) && error)?.error;
  if (failed) return html`<p class="strip strip-warn" role="status">How the lines lie in time is not known: ${failed.message}</p>`;
  if (!frames || frames.state.kind !== 'ok') return null;
  return html`<section class="explore-panel explore-volume" aria-label=${panel.title} data-panel-title=${panel.title}>
    <div class="explore-inside"><${Panel} panel=${panel} frames=${frames} timeRange=${{ ...shown, utc: utc.value }} theme=${theme.value} onZoom=${zoom} hover=${hover} /></div>
  </section>`;
}

/** @param {LinesProps} props */
function Found({ answers, oldest, onQuery }) {
  const panel = answers.panels.lines;
  const shown = answers.range ?? range.value;
  const frames = useMemo(() => toFrames(panel, answers.results, { ...shown }), [panel, answers.results]);
  const logs = useMemo(() => ({ onQuery, onOrder: (/** @type {boolean} */ next) => setParams({ sort: next ? 'asc' : null }, { replace: true }) }), [onQuery]);
  // Why stands beside the query.
  if (frames.state.kind === 'empty') return html`<${Empty} title="No lines" why="Nothing was found in this time range."><button type="button" class="button" onClick=${() => setRange(WIDE)}>Look at the last 24 hours</button><//>`;
  return html`<section class="explore-panel explore-lines" aria-label=${panel.title} data-panel-title=${panel.title}>
    <div class="explore-inside"><${Panel} panel=${panel} frames=${frames} timeRange=${{ ...shown, utc: utc.value }} theme=${theme.value} logs=${logs} /></div>
    <${Rest} frames=${frames} range=${shown} oldest=${oldest} />
  </section>`;
}

/** There may be more lines than are asked for at a time: the next are one click away. @param {{frames: any, range: import('../../lib/types.d.ts').Range, oldest: boolean}} props */
function Rest({ frames, range: shown, oldest }) {
  const times = frames.lines.map((/** @type {any} */ line) => line.ms);
  if (times.length < LINES_ASKED) return null;
  // The moment at the end is asked for again: it may hold lines that did not fit any more.
  const next = oldest ? { from: Math.max(...times), to: shown.to } : { from: shown.from, to: Math.min(...times) + 1 };
  const word = oldest ? 'later' : 'earlier';
  return html`<p class="explore-rest muted" role="status">The ${oldest ? 'oldest' : 'newest'} ${formatCount(times.length)} lines are shown.
    <button type="button" class="button button-small" onClick=${() => setRange(pinned(next))}>Show ${word} lines</button></p>`;
}
