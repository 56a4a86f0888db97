// The inside of one panel: picks the drawing by the panel's type, and says in one sentence why there is none.
import { html } from '../lib/html.js';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { modernPanel } from '../lib/migrate.js';
import { BarGauge } from './bargauge.js';
import * as css from './classes.js';
import { Stat } from './stat.js';
import { Table } from './table.js';
import { Text } from './text.js';
import { TimeSeries } from './timeseries.js';

/** @typedef {import('../lib/frames.js').Frames} Frames */
/** @typedef {import('./report.js').Drawn} Drawn */

/**
 * @typedef {object} PanelState
 * @property {'loading' | 'ok' | 'error' | 'empty'} kind
 * @property {string} [message]
 * @property {boolean} [stale]   the drawing is older than it should be; the message says how old or why
 *
 * @typedef {object} PanelProps
 * @property {any} panel                              as in the file
 * @property {Frames | null | undefined} frames
 * @property {PanelState} [state]                     what the caller knows; frames' own state stands in
 * @property {{from: number, to: number, utc?: boolean}} timeRange   ms
 * @property {'dark' | 'light'} theme
 * @property {(from: number, to: number) => void} [onZoom]
 * @property {import('./useplot.js').Hover} [hover]   pointer's time, shared between panels
 * @property {boolean} [sharesValues]                 whether the values at that time are shown too
 * @property {import('../lib/interpolate.js').Variables} [variables]
 * @property {import('../lib/annotations.js').Mark[]} [marks] what is to be marked on graphs
 * @property {import('./logs.js').LogActions} [logs] what the page does with lines
 *
 * @typedef {Omit<PanelProps, 'frames' | 'state'> & {frames: Frames, report: (drawn: Drawn) => void}} KindProps
 */

/** @typedef {(props: any) => any} Kind */

/** The drawings that nearly every page has, and those that were fetched since. @type {Record<string, Kind>} */
const READY = { timeseries: TimeSeries, stat: Stat, table: Table, bargauge: BarGauge, text: Text };

/** The others come when a panel wants one: a page that has none need not wait for them. @type {Record<string, () => Promise<Kind>>} */
const FETCHED = {
  heatmap: () => import('./heatmap.js').then((module) => module.Heatmap),
  gauge: () => import('./gauge.js').then((module) => module.Gauge),
  logs: () => import('./logs.js').then((module) => module.Logs),
  piechart: () => import('./pie.js').then((module) => module.Pie),
  'state-timeline': () => import('./timeline.js').then((module) => module.Timeline),
  'status-history': () => import('./timeline.js').then((module) => module.Timeline),
  barchart: () => import('./barplot.js').then((module) => module.BarChart),
  histogram: () => import('./barplot.js').then((module) => module.Histogram),
  alertlist: () => import('./lists.js').then((module) => module.AlertList),
  dashlist: () => import('./lists.js').then((module) => module.DashList),
};

/** What draws a kind, fetched when needed. @param {string} type @returns {{kind: Kind | null, error: string}} */
function useKind(type) {
  const [error, setError] = useState('');
  const [, redraw] = useState(0);
  useEffect(() => {
    if (READY[type] || !Object.hasOwn(FETCHED, type)) return;
    FETCHED[type]().then(
      (kind) => {
        READY[type] = kind;
        redraw((count) => count + 1);
      },
      (failure) => setError(String(failure.message ?? failure)),
    );
  }, [type]);
  return { kind: READY[type] ?? null, error };
}

/** Kinds that need no data. */
const WITHOUT_DATA = new Set(['text', 'alertlist', 'dashlist']);
/** Kinds that say "no data" by themselves when the panel has words for it. */
const WITH_NO_VALUE = new Set(['stat', 'gauge', 'bargauge']);

/** Kinds that show the panel's own words where an answer is empty. */
const WITH_WORDS = new Set(['stat', 'gauge', 'bargauge', 'table', 'piechart']);

/**
 * True when panels of this type are drawn.
 * @param {unknown} type
 * @returns {boolean}
 */
export function isSupported(type) {
  const kind = String(modernPanel({ type }).type);
  return Object.hasOwn(READY, kind) || Object.hasOwn(FETCHED, kind);
}

/** @type {Frames} */
const NO_FRAMES = { x: [], from: 0, to: 0, stepMs: 0, fields: [], tables: [], lines: [], errors: [], warnings: [], state: { kind: 'empty', message: '' } };

/** @param {PanelProps} props */
export function Panel(props) {
  const { frames, state } = props;
  const panel = modernPanel(props.panel);
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const report = useCallback((/** @type {Drawn} */ drawn) => mark(root.current, drawn), []);
  const type = String(panel?.type ?? '');
  const { kind, error } = useKind(type);
  const wanted = whatToShow(type, panel, frames, state);
  const shown = wanted.kind !== 'ok' || kind ? wanted : notYet(error);
  useLayoutEffect(() => {
    if (shown.kind !== 'ok') unmark(root.current);
  }, [shown.kind]);
  return html`<div class=${css.ROOT} ref=${root} data-panel-type=${type} data-state=${shown.kind}>
    ${shown.kind === 'ok' && html`<${kind} ...${{ ...props, panel, frames: frames ?? NO_FRAMES, report }} />`}
    ${shown.kind !== 'ok' && html`<${Note} ...${shown} />`}
    ${shown.kind === 'ok' && html`<${Strip} frames=${frames} state=${state} />`}</div>`;
}

/** @param {HTMLElement | null} root @param {Drawn} drawn */
function mark(root, drawn) {
  if (!root) return;
  for (const [key, value] of Object.entries(drawn)) root.dataset[key] = String(value);
}

/** Nothing is drawn, so nothing is counted. @param {HTMLElement | null} root */
function unmark(root) {
  for (const key of ['series', 'points', 'cells', 'rows', 'marks']) delete root?.dataset[key];
}

/** @typedef {{kind: 'ok' | 'loading' | 'empty' | 'error' | 'unsupported', title: string, text: string}} Shown */

/**
 * A drawing that stands is kept while new data load and when a refresh fails: the strip says so.
 * @param {string} type
 * @param {any} panel
 * @param {Frames | null | undefined} frames
 * @param {PanelState | undefined} state
 * @returns {Shown}
 */
function whatToShow(type, panel, frames, state) {
  if (!isSupported(type)) return unsupported(panel, type);
  if (WITHOUT_DATA.has(type)) return { kind: 'ok', title: '', text: '' };
  const own = frames?.state ?? { kind: 'loading', message: '' };
  const hasDrawing = own.kind === 'ok';
  const kind = state && !(hasDrawing && (state.kind === 'loading' || state.kind === 'error')) ? state.kind : own.kind;
  const message = (state?.message || own.message) ?? '';
  if (kind === 'loading') return { kind: 'loading', title: 'Loading', text: '' };
  if (kind === 'error') return { kind: 'error', title: 'The query failed', text: message };
  const words = panel?.fieldConfig?.defaults?.noValue;
  if (kind === 'empty' && WITH_WORDS.has(type) && (frames?.fields.length ?? 0) === 0 && typeof words === 'string' && words !== '') return { kind: 'empty', title: words, text: '' };
  if (kind === 'empty' && !(WITH_NO_VALUE.has(type) && hasNoValue(panel, frames)))
    return { kind: 'empty', title: 'No data', text: message.replace(/^No data\.?\s*/i, '') };
  return { kind: 'ok', title: '', text: '' };
}

/** @param {string} error @returns {Shown} */
function notYet(error) {
  return error === '' ? { kind: 'loading', title: 'Loading', text: '' } : { kind: 'error', title: 'What draws this panel could not be fetched', text: error };
}

/** @param {any} panel @param {Frames | null | undefined} frames */
function hasNoValue(panel, frames) {
  return (
    (frames?.fields.length ?? 0) > 0 &&
    (Boolean(panel?.fieldConfig?.defaults?.noValue) || (panel?.fieldConfig?.defaults?.mappings?.length ?? 0) > 0)
  );
}

/** @param {any} panel @param {string} type @returns {Shown} */
function unsupported(panel, type) {
  const queries = (Array.isArray(panel?.targets) ? panel.targets : []).map((/** @type {any} */ target) => target?.expr).filter(Boolean);
  const title = type === '' && panel?.libraryPanel ? `The library panel “${panel.libraryPanel.name ?? 'unnamed'}” is not in this file` : `Panels of type “${type || 'unknown'}” are not supported`;
  return { kind: 'unsupported', title, text: queries.join('\n') };
}

/** @param {{kind: string, title: string, text: string}} props */
function Note({ kind, title, text }) {
  return html`<div class=${css.NOTE} data-kind=${kind} role=${kind === 'error' ? 'alert' : 'status'}><div class=${css.NOTE_TITLE}>${title}</div>
    ${text && html`<div class=${css.NOTE_TEXT}>${text}</div>`}</div>`;
}

/** What is not right with a drawing that is shown all the same. @param {{frames: Frames | null | undefined, state: PanelState | undefined}} props */
function Strip({ frames, state }) {
  if (state?.kind === 'error')
    return html`<div class=${css.STRIP} data-kind="error" role="alert" title=${state.message}>Not refreshed: ${state.message}</div>`;
  const [error] = frames?.errors ?? [];
  if (error)
    return html`<div class=${css.STRIP} data-kind="error" role="alert" title=${error.message}>Query ${error.refId} failed: ${error.message}</div>`;
  if (state?.stale) return html`<div class=${css.STRIP} data-kind="stale">${state.message || 'Not refreshed'}</div>`;
  const [warning] = frames?.warnings ?? [];
  return warning ? html`<div class=${css.STRIP} data-kind="warning" title=${(frames?.warnings ?? []).join('\n')}>${warning}</div>` : null;
}
