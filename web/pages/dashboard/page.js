// One dashboard: its document, variables, panels, and the panel opened from it.
import { html } from '../../lib/html.js';
import { useEffect, useMemo, useState } from '../../vendor/preact/hooks.js';
import { fetchDashboard, fetchStatus } from '../../lib/client.js';
import { interpolate } from '../../lib/interpolate.js';
import { findPanel, wholeDashboard } from '../../lib/layout.js';
import { DEFAULT_RANGE, refreshMs } from '../../lib/ranges.js';
import { SCRAPE_INTERVAL_DEFAULT_MS } from '../../lib/step.js';
import { replacedPanel, withChanges } from '../../lib/paneledit.js';
import { address, go, params, setParams } from '../../shell/address.js';
import { refreshNow } from '../../shell/clock.js';
import { useKey } from '../../shell/keys.js';
import { Empty, Failed } from '../../shell/notice.js';
import { usePage } from '../../shell/page.js';
import { useOnce } from '../../shell/resource.js';
import { Edit } from './editlater.js';
import { exploreLink } from './explorelink.js';
import { flipView } from './frame.js';
import { Grid } from './grid.js';
import { Inspect } from './inspect.js';
import { createModel } from './model.js';
import { runQueries } from './queries.js';
import { VariableBar } from './variablebar.js';
import { runVariables } from './variables.js';

/** @typedef {import('../../lib/types.d.ts').DashboardJson} DashboardJson */

/** How often a dashboard looks again when its file does not say. */
const REFRESH_DEFAULT = '10s';

const ABOVE = { name: 'Dashboards', href: '/dashboards' };

/** @param {{uid: string}} props */
export function DashboardPage({ uid }) {
  const [loads, setLoads] = useState(0);
  const { data, error } = useOnce(async (signal) => {
    const [document, status] = await Promise.all([fetchDashboard(uid, { signal }), fetchStatus({ signal }).catch(() => null)]);
    return { dashboard: wholeDashboard(document.dashboard), meta: document.meta ?? {}, scrapeIntervalMs: Number(status?.scrape_interval_ms) || SCRAPE_INTERVAL_DEFAULT_MS };
  }, String(loads));
  const dashboard = data?.dashboard;
  usePage({
    title: dashboard?.title ?? (error ? 'Dashboard' : ''),
    above: ABOVE,
    timed: true,
    range: { from: dashboard?.time?.from ?? DEFAULT_RANGE.from, to: dashboard?.time?.to ?? DEFAULT_RANGE.to },
    refresh: defaultRefresh(dashboard),
  });
  if (!data) return error ? html`<div class="page">${problem(uid, error)}</div>` : html`<div class="page page-dashboard"><${Outline} /></div>`;
  return html`<${Open} dashboard=${data.dashboard} meta=${data.meta} scrapeIntervalMs=${data.scrapeIntervalMs} onReload=${() => setLoads(loads + 1)} />`;
}

/** Empty frames while the document is on its way. */
function Outline() {
  return html`<div class="outline" role="status" aria-label="Loading the dashboard">${[0, 1, 2, 3, 4, 5].map((at) => html`<div key=${at} class="panel-outline" />`)}</div>`;
}

/** @param {DashboardJson | undefined} dashboard */
function defaultRefresh(dashboard) {
  if (!dashboard || dashboard.refresh === undefined) return REFRESH_DEFAULT;
  return typeof dashboard.refresh === 'string' && refreshMs(dashboard.refresh) > 0 ? dashboard.refresh : 'off';
}

/** @param {string} uid @param {import('../../lib/client.js').ApiError} error */
function problem(uid, error) {
  if (error.status !== 404) return html`<${Failed} what="The dashboard" error=${error} />`;
  return html`<${Empty} title="No such dashboard" why=${`None is provisioned with the uid “${uid}”.`}><a href="/dashboards">See all dashboards</a><//>`;
}

/** @param {{dashboard: DashboardJson, meta: any, scrapeIntervalMs: number, onReload: () => void}} props */
function Open({ dashboard, meta, scrapeIntervalMs, onReload }) {
  const model = useMemo(() => createModel(dashboard, scrapeIntervalMs, params.peek()), [dashboard]);
  useEffect(() => {
    const stops = [runVariables(model), runQueries(model)];
    return () => stops.forEach((stop) => stop());
  }, [model]);
  const full = panelOf(model, params.value.get('viewPanel'));
  const inspected = panelOf(model, params.value.get('inspect'));
  const focused = () => full?.id ?? model.focus.peek();
  useKey('f', 'Full screen of the panel in focus', () => {
    const id = focused();
    if (id !== null) flipView(id);
  });
  useKey('i', 'Inspect the panel in focus', () => {
    const id = focused();
    if (id !== null) setParams({ inspect: String(id) });
  });
  useKey('e', 'Explore the panel in focus', () => {
    const id = focused();
    if (id !== null) go(exploreLink(model.data(id).peek(), address.peek().search));
  });
  useKey('Escape', 'Leave full screen', () => {
    if (params.peek().has('viewPanel')) setParams({ viewPanel: null });
  });
  const edited = panelOf(model, params.value.get('editPanel'));
  const [version, setVersion] = useState(/** @type {string | null} */ (meta.fileVersion ?? null));
  const close = () => setParams({ editPanel: null });
  const saved = (/** @type {import('../../lib/paneledit.js').Changes} */ changes, /** @type {string} */ next) => {
    // A copy knows its own place and value only: what is changed is the panel of the file.
    const source = findPanel(dashboard.panels, edited?.sourceId ?? edited?.id ?? -1);
    if (source) dashboard.panels = replacedPanel(dashboard.panels, source.id, withChanges(source, changes));
    // Panels are worked out of the document and the variables: a new list of these makes them anew.
    model.variables.value = [...model.variables.peek()];
    setVersion(next);
    close();
    refreshNow();
  };
  const empty = dashboard.panels.length === 0;
  return html`<div class="page page-dashboard">
    <${VariableBar} variables=${model.variables.value} model=${model} />
    ${empty
      ? html`<${Empty} title="Nothing on it" why="The dashboard's file has no panels we can show."><a href="/dashboards">See all dashboards</a><//>`
      : html`<${Grid} key=${full ? `full${full.id}` : 'all'} model=${model} full=${full} inspected=${inspected} />`}
    ${inspected && html`<${Inspect} title=${interpolate(inspected.title ?? '', { ...model.texts.value, ...inspected.scopedVars })} data=${model.data(inspected.id).value} />`}
    ${edited && html`<${Edit} key=${`${edited.id} ${version}`} model=${model} panel=${edited} readOnly=${meta.readOnly ?? null} version=${version} onSaved=${saved} onClose=${close}
      onReload=${() => { close(); onReload(); }} />`}
  </div>`;
}

/** @param {import('./model.js').Model} model @param {string | null} id as in the address; Grafana writes `panel-4` too */
function panelOf(model, id) {
  return id === null ? null : findPanel(model.panels.value, Number(id.replace(/^panel-/, ''))) ?? null;
}
