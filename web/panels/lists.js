// Lists that panels hold: alerts that fire, and dashboards to go to.
import { html } from '../lib/html.js';
import { useEffect, useState } from '../vendor/preact/hooks.js';
import { fetchAlerts, fetchDashboards } from '../lib/client.js';
import { fromNow } from '../lib/dates.js';
import { interpolate } from '../lib/interpolate.js';
import * as css from './classes.js';
import { useReport } from './report.js';

/** Entries when the panel does not say. */
const ALERTS_DEFAULT = 20;
const DASHBOARDS_DEFAULT = 100;

/**
 * What `ask` gives, asked anew when the range moves.
 * @template T
 * @param {(options: {signal: AbortSignal}) => Promise<T>} ask
 * @param {unknown} beat
 * @returns {{data: T | null, error: string}}
 */
function useAsked(ask, beat) {
  const [state, setState] = useState(/** @type {{data: T | null, error: string}} */ ({ data: null, error: '' }));
  useEffect(() => {
    const stop = new AbortController();
    ask({ signal: stop.signal }).then(
      (data) => setState({ data, error: '' }),
      (error) => !stop.signal.aborted && setState((old) => ({ ...old, error: String(error.message ?? error) })),
    );
    return () => stop.abort();
  }, [beat]);
  return state;
}

/** @param {import('./index.js').KindProps} props */
export function AlertList({ panel, timeRange, variables, report }) {
  const options = panel?.options ?? {};
  const { data, error } = useAsked(fetchAlerts, timeRange.to);
  const name = interpolate(options.alertName ?? options.alertInstanceLabelFilter ?? '', variables ?? {}, 'raw').toLowerCase();
  const wanted = options.stateFilter ?? {};
  const states = ['firing', 'pending'].filter((state) => Object.keys(wanted).length === 0 || wanted[state] !== false);
  const all = (data?.alerts ?? []).filter((alert) => states.includes(alert.state) && `${alert.labels.alertname} ${JSON.stringify(alert.labels)}`.toLowerCase().includes(name));
  const shown = [...all].sort((a, b) => (a.activeAt < b.activeAt ? 1 : -1)).slice(0, Number(options.maxItems) || ALERTS_DEFAULT);
  useReport(report, { series: 0, points: all.length, rows: shown.length });
  if (error && !data) return html`<div class=${css.NOTE} role="alert">${error}</div>`;
  if (data && all.length === 0) return html`<div class=${css.NOTE} role="status">No alert fires</div>`;
  return html`<ul class=${css.LIST}>${shown.map((alert, at) => html`<li key=${at} data-state=${alert.state}><a href="/alerts">
    <strong>${alert.labels.alertname}</strong><span>${alert.state} since ${fromNow(Date.parse(alert.activeAt), Date.now()).replace(' ago', '')}</span>
    <em>${alert.annotations.summary ?? ''}</em></a></li>`)}</ul>`;
}

/** @param {import('./index.js').KindProps} props */
export function DashList({ panel, timeRange, variables, report }) {
  const options = panel?.options ?? {};
  const { data, error } = useAsked(fetchDashboards, panel.id);
  const tags = (Array.isArray(options.tags) ? options.tags : []).map((/** @type {string} */ tag) => interpolate(tag, variables ?? {}, 'raw'));
  const words = interpolate(options.query ?? '', variables ?? {}, 'raw').toLowerCase();
  const all = (data ?? []).filter((entry) => tags.every((/** @type {string} */ tag) => entry.tags.includes(tag)) && entry.title.toLowerCase().includes(words));
  const shown = all.slice(0, Number(options.maxItems) || DASHBOARDS_DEFAULT);
  const tail = options.keepTime ? `?from=${timeRange.from}&to=${timeRange.to}` : '';
  useReport(report, { series: 0, points: all.length, rows: shown.length });
  if (error && !data) return html`<div class=${css.NOTE} role="alert">${error}</div>`;
  if (data && all.length === 0) return html`<div class=${css.NOTE} role="status">No dashboard has these tags</div>`;
  return html`<ul class=${css.LIST}>${shown.map((entry) => html`<li key=${entry.uid}><a href=${`${entry.url}${tail}`}><strong>${entry.title}</strong><em>${entry.description}</em></a></li>`)}</ul>`;
}
