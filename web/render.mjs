// Whole dashboards through everything of the renderer that needs no browser: `cargo xtask conformance dashboards` starts this.
// Standard input has a document a line, `{"file", "document"}`; standard output has what became of each panel, a line each.
import { createInterface } from 'node:readline';
import { toHeat } from './lib/buckets.js';
import { layBars } from './lib/bars.js';
import { missingSources, planTargets, panelRange, toFrames } from './lib/frames.js';
import { globalVariables, inputsOf } from './lib/globals.js';
import { histogramOf } from './lib/histogram.js';
import { interpolate } from './lib/interpolate.js';
import { findPanel, place, rects, wholeDashboard } from './lib/layout.js';
import { resolveLinks } from './lib/links.js';
import { arranged } from './lib/loglines.js';
import { modernPanel } from './lib/migrate.js';
import { slicesOf } from './lib/pie.js';
import { expandRepeats } from './lib/repeat.js';
import { parseHtml, parseRich } from './lib/richtext.js';
import { firstSort, footerCells, shownRows, visibleColumns } from './lib/tableview.js';
import { lanesOf } from './lib/timeline.js';
import { isKnownTransform } from './lib/transform/index.js';
import { ALL, choose, optionsFrom, queryText, readVariable, resolveOrder, valueOf } from './lib/variables.js';
import { isSupported } from './panels/index.js';
import { readLegend } from './panels/legend.js';
import { plotModel } from './panels/model.js';
import { reducedFields } from './panels/reduced.js';
import { cellText } from './panels/tablecells.js';

const NOW = Date.UTC(2026, 0, 1);
const RANGE = { from: NOW - 21_600_000, to: NOW };
const MATCHERS = new Set(['byName', 'byRegexp', 'byFrameRefID', 'byType', 'byNames', 'byValue']);
/** Columns that many px wide: what a window of 1600 px leaves a dashboard. */
const WIDTH = 1600;

/** @typedef {'first' | 'all' | 'two'} Choice which options of the variables are chosen */

/**
 * Variables with options made up where a store would be asked.
 * @param {any} dashboard
 * @param {Choice} choice
 */
function variablesOf(dashboard, choice) {
  const list = dashboard.templating?.list ?? [];
  /** @type {Record<string, any>} */
  const values = {};
  const variables = new Array(list.length);
  for (const at of resolveOrder(list)) {
    const raw = list[at];
    const variable = readVariable(raw);
    if (variable.type === 'query') {
      interpolate(queryText(raw), values, 'promql');
      interpolate(raw?.regex ?? '', values, 'regex');
      variable.options = optionsFrom(['one', 'two'], { sort: raw?.sort }, '');
    }
    const saved = choose(variable, [], raw);
    const [first, second] = variable.options.map((option) => option.value);
    variable.selected = choice === 'all' && variable.includeAll ? [ALL] : choice === 'two' && variable.multi && second !== undefined ? [first, second] : first === undefined ? saved : [first];
    variables[at] = variable;
    values[variable.name] = valueOf(variable);
    if (raw?.type === 'interval') values[`__auto_interval_${variable.name}`] = '1m';
    if (raw?.type === 'interval' && variable.selected[0] === 'auto') values[variable.name] = { ...values[variable.name], value: '1m' };
  }
  return { variables, values };
}

/** Two series with a gap for each target, some lines where lines are wanted. @param {any[]} targets */
function answers(targets) {
  return targets.map((target) => {
    if (target.limit !== undefined) return { id: target.id, kind: 'logs', times_ns: ['1767225599000000000', '1767225598000000000'], lines: ['level=error msg="a b"', '{"level":"info"}'], label_sets: [{ job: 'x' }], labels: [0, 0] };
    const count = target.instant ? 1 : 3;
    const values = target.instant ? [7] : [1, null, 2.5];
    return { id: target.id, start: RANGE.from, step: target.step_ms, count, series: ['a', 'b'].map((instance) => ({ labels: { __name__: 'm', instance, job: 'j', le: instance === 'a' ? '0.5' : '+Inf' }, values })) };
  });
}

/** Everything a panel works out before it draws. @param {any} panel @param {any} frames @param {Record<string, any>} variables */
function drawParts(panel, frames, variables) {
  const { options = {} } = panel;
  plotModel(frames, new Set(), 'dark');
  readLegend(panel);
  reducedFields(panel, frames, 'light');
  resolveLinks(panel.links, variables);
  interpolate(panel.title ?? '', variables);
  parseRich(interpolate(panel.description ?? '', variables));
  const content = interpolate(options.content ?? panel.content ?? '', variables);
  if (panel.type === 'text') (options.mode === 'html' ? parseHtml : parseRich)(content);
  if (panel.type === 'heatmap') toHeat(frames, options);
  if (panel.type === 'histogram') histogramOf(frames.fields.map((/** @type {any} */ field) => field.values), options);
  if (panel.type === 'piechart') slicesOf(frames.fields.map((/** @type {any} */ field) => field.values[0] ?? null), 'desc');
  if (/^(state-timeline|status-history)$/.test(panel.type)) lanesOf(frames, { merge: true, theme: 'dark' });
  if (panel.type === 'barchart') layBars([], 0, 'none');
  if (panel.type === 'logs') arranged(frames.lines, options);
  for (const table of frames.tables) {
    const columns = visibleColumns(table);
    const look = { theme: /** @type {'dark'} */ ('dark'), utc: true, columns: table.columns, variables };
    const rows = shownRows(columns, firstSort(options, columns), {}, (one, row) => cellText(one, row, look));
    for (const row of rows) for (const one of columns) resolveLinks(one.config.links, variables, { name: one.name, labels: one.labels, text: cellText(one, row, look), raw: one.values[row] });
    footerCells(options, columns, rows);
  }
}

/** What a panel asks for that we do not know, in words. @param {any} panel @returns {string[]} */
function unknownParts(panel) {
  const list = (/** @type {unknown} */ given) => (Array.isArray(given) ? given.filter(Boolean) : []);
  return [
    ...(isSupported(panel.type) ? [] : [`panels of type ${panel.type || 'unknown'}`]),
    ...list(panel.transformations).filter((one) => one.disabled !== true && !isKnownTransform(one.id)).map((one) => `transformation ${one.id}`),
    ...list(panel.fieldConfig?.overrides).filter((one) => one.matcher?.id && !MATCHERS.has(one.matcher.id)).map((one) => `matcher ${one.matcher.id}`),
  ];
}

/** @param {any} given @param {Record<string, any>} variables @param {number} widthPx */
function renderPanel(given, variables, widthPx) {
  const panel = modernPanel(given);
  const own = panelRange(panel, RANGE, variables);
  const plan = planTargets(panel, { from: own.from, to: own.to, widthPx, variables, scrapeIntervalMs: 15_000, utcOffsetMs: 0 });
  for (const target of plan.targets) if (!(target.step_ms > 0) || (own.to - own.from) / target.step_ms > 11_001) throw new Error(`step of ${target.step_ms} ms`);
  const frames = toFrames(panel, answers(plan.targets), { variables, from: own.from, to: own.to });
  const missing = missingSources(panel, variables);
  drawParts(panel, frames, variables);
  return { exprs: plan.targets.map(({ expr, language }) => ({ expr, language: language ?? 'promql' })), unknown: unknownParts(panel), missing: missing.map(({ type }) => type) };
}

/** @param {any[]} panels @returns {any[]} */
const flat = (panels) => panels.flatMap((panel) => (panel.type === 'row' ? flat(panel.panels ?? []) : [panel]));

/** One line a panel of the file, under every choice of its variables. @param {any} document */
function renderDashboard(document) {
  const dashboard = wholeDashboard(document);
  const cases = flat(dashboard.panels).map((panel) => ({ id: panel.id, type: panel.type, title: String(panel.title ?? ''), unknown: new Set(), missing: new Set(), exprs: new Map(), error: '', isDrawn: false }));
  const byId = new Map(cases.map((one) => [one.id, one]));
  for (const choice of /** @type {Choice[]} */ (['first', 'all', 'two'])) {
    const { variables, values } = variablesOf(dashboard, choice);
    const scope = { ...inputsOf(document), ...globalVariables(dashboard, RANGE, { from: 'now-6h', to: 'now' }, values), ...values };
    const panels = expandRepeats(dashboard.panels, variables);
    const placed = place(panels, new Map(panels.map((panel) => [panel.id, false])));
    const boxes = rects(placed, WIDTH).rects;
    placed.forEach(({ panel }, at) => {
      if (panel.type === 'row') return;
      const one = byId.get(panel.id) ?? byId.get(cases.find((other) => findPanel(dashboard.panels, other.id)?.title === panel.title)?.id ?? -1);
      if (!one) return;
      try {
        const { exprs, unknown, missing } = renderPanel(panel, { ...scope, ...panel.scopedVars }, boxes[at].width);
        one.isDrawn = true;
        for (const word of unknown) one.unknown.add(word);
        for (const type of missing) one.missing.add(type);
        for (const { expr, language } of exprs) one.exprs.set(`${language} ${expr}`, { expr, language });
      } catch (error) {
        one.error ||= `${choice}: ${error instanceof Error ? error.message : error}`;
      }
    });
  }
  return cases.map(({ type, title, unknown, missing, exprs, error, isDrawn }) => ({
    type, title, unknown: [...unknown], missing: [...missing], exprs: [...exprs.values()], error: error || (isDrawn ? '' : 'it has no place on the page'),
  }));
}

for await (const line of createInterface({ input: process.stdin })) {
  const { file, document } = JSON.parse(line);
  let panels;
  try {
    panels = renderDashboard(document);
  } catch (error) {
    panels = [{ type: 'dashboard', title: '', unknown: [], missing: [], exprs: [], error: error instanceof Error ? (error.stack ?? error.message) : String(error) }];
  }
  process.stdout.write(`${JSON.stringify({ file, panels })}\n`);
}
