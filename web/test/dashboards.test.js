// Whole dashboards through the pure part: ours, and the corpus when it is there (WATCHFIRE_CONFORMANCE or ../shared).
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { planTargets, toFrames } from '../lib/frames.js';
import { dashboardLinks } from '../lib/links.js';
import { isSupported } from '../panels/index.js';
import { plotModel } from '../panels/model.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SHARED = process.env.WATCHFIRE_CONFORMANCE ?? `${ROOT}../shared`;
const RANGE = { from: Date.UTC(2026, 0, 1) - 21_600_000, to: Date.UTC(2026, 0, 1), widthPx: 800, scrapeIntervalMs: 15_000, utcOffsetMs: 0 };

/** @param {string} folder @returns {Array<[string, any]>} */
function read(folder) {
  return readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => [name, JSON.parse(readFileSync(`${folder}/${name}`, 'utf8').replace(/^\ufeff/, ''))]);
}

/** @param {any} document @returns {any[]} */
function panelsOf(document) {
  const dashboard = document.dashboard ?? document;
  const top = [...(dashboard.panels ?? []), ...(dashboard.rows ?? []).flatMap((/** @type {any} */ row) => row.panels ?? [])];
  return top.flatMap((panel) => [panel, ...(Array.isArray(panel.panels) ? panel.panels : [])]).filter((panel) => panel.type !== 'row');
}

/** Two series with a gap for each target. @param {import('../lib/frames.js').Field[] | any} targets */
function answers(targets) {
  return targets.map((/** @type {any} */ target) => ({
    id: target.id, start: RANGE.from, step: target.step_ms, count: 3,
    series: ['a', 'b'].map((instance) => ({ labels: { __name__: 'm', instance, le: '1' }, values: [1, null, 2] })),
  }));
}

/** @param {any} panel */
function render(panel) {
  const plan = planTargets(panel, { ...RANGE, variables: {} });
  return { plan, frames: toFrames(panel, answers(plan.targets), { variables: {} }) };
}

/** Kinds whose numbers need no unit: they have none, or it stands elsewhere. */
const WITHOUT_UNIT = new Set(['heatmap', 'text', 'logs', 'alertlist', 'dashlist', 'table']);

test('our dashboards load in the real Grafana: a variable for each source, no inputs, a schema of today', () => {
  for (const [name, dashboard] of read(`${ROOT}deploy/provision/dashboards`)) {
    assert.ok(name.startsWith(dashboard.uid), `${name} has the uid ${dashboard.uid}`);
    assert.ok(dashboard.schemaVersion >= 39 && dashboard.title && dashboard.description, name);
    assert.ok(!dashboard.__inputs && !JSON.stringify(dashboard).includes('${DS_'), `${name}: inputs are left open when a file is provisioned`);
    const sources = new Map(dashboard.templating.list.filter((/** @type {any} */ one) => one.type === 'datasource').map((/** @type {any} */ one) => [`\${${one.name}}`, one.query]));
    const isSource = (/** @type {any} */ given) => given && sources.get(given.uid) === given.type;
    for (const variable of dashboard.templating.list) if (variable.type === 'query') assert.ok(isSource(variable.datasource), `${name}: variable ${variable.name} has no source`);
    for (const one of dashboard.annotations.list) if (one.builtIn !== 1) assert.ok(isSource(one.datasource) && one.expr, `${name}: annotation ${one.name} has no source`);
    for (const panel of panelsOf(dashboard)) for (const target of panel.targets ?? []) assert.ok(isSource(target.datasource), `${name}: ${panel.title} has no source`);
    const scope = Object.fromEntries(dashboard.templating.list.map((/** @type {any} */ one) => [one.name, { value: 'x' }]));
    for (const panel of panelsOf(dashboard)) for (const { expr } of planTargets(panel, { ...RANGE, variables: scope }).targets) assert.ok(!expr.includes('$'), `${name}: ${panel.title} names an unknown variable: ${expr}`);
  }
});

test('our dashboards describe each panel, and fit the grid', () => {
  for (const [name, dashboard] of read(`${ROOT}deploy/provision/dashboards`)) {
    const taken = new Set();
    const ids = new Set();
    for (const panel of panelsOf(dashboard)) {
      const { x, y, w, h } = panel.gridPos;
      assert.ok((panel.description || panel.type === 'text') && panel.title !== undefined, `${name}: a panel lacks words`);
      assert.ok(x + w <= 24, `${name}: ${panel.title} is wider than the grid`);
      for (let at = 0; at < w * h; at++) {
        const cell = `${x + (at % w)},${y + Math.floor(at / w)}`;
        assert.ok(!taken.has(cell), `${name}: ${panel.title} overlaps at ${cell}`);
        taken.add(cell);
      }
      assert.ok(!ids.has(panel.id), `${name}: id ${panel.id} twice`);
      ids.add(panel.id);
      assert.ok(isSupported(panel.type), `${name}: ${panel.type}`);
      assert.ok(WITHOUT_UNIT.has(panel.type) || panel.fieldConfig.defaults.unit !== undefined, `${name}: ${panel.title} has no unit`);
    }
  }
});

test('every dashboard of ours leads to another or is led to, by addresses that exist', () => {
  const all = read(`${ROOT}deploy/provision/dashboards`);
  const uids = new Set(all.map(([, dashboard]) => dashboard.uid));
  const entries = all.map(([, { uid, title, tags, description }]) => ({ uid, title, tags, description, folder: '', url: `/d/${uid}/x` }));
  /** Where a dashboard leads. @param {any} dashboard */
  const led = (dashboard) => dashboardLinks(dashboard, {}, entries).flatMap((link) => link.many ?? [link]).map(({ href }) => /^\/d\/([^/?]+)/.exec(href)?.[1] ?? href);
  for (const [name, dashboard] of all) {
    const own = led(dashboard);
    assert.ok(own.length > 0 || all.some(([, other]) => led(other).includes(dashboard.uid)), `${name} stands alone`);
    for (const uid of own) assert.ok(uids.has(uid), `${name}: ${uid}`);
    for (const [, uid] of JSON.stringify(dashboard).matchAll(/"url":"\/d\/([^/?"]+)/g)) assert.ok(uids.has(uid), `${name}: ${uid}`);
  }
});

test('the read latency panel shows something after a few scrapes in the lab', () => {
  const [, dashboard] = /** @type {[string, any]} */ (read(`${ROOT}deploy/provision/dashboards`).find(([name]) => name === 'application-performance.json'));
  const panel = panelsOf(dashboard).find((one) => one.type === 'timeseries' && /95th/.test(one.title));
  const to = Date.UTC(2026, 0, 1);
  const plan = planTargets(panel, { from: to - 900_000, to, widthPx: 600, scrapeIntervalMs: 2000, utcOffsetMs: 0, variables: { instance: { value: ['$__all'], multi: true, includeAll: true, allValue: '.*' } } });
  assert.equal(plan.targets[0].step_ms, 2000);
  assert.ok(plan.targets.every((target) => target.expr.includes('[8s]') && target.expr.includes('instance=~".*"') && !target.expr.includes('$')), plan.targets[0].expr);
});

test('every panel of the corpus plans and draws without an exception', (context) => {
  const folder = `${SHARED}/dashboards-corpus`;
  if (!existsSync(folder)) return context.skip('no dashboards-corpus; set WATCHFIRE_CONFORMANCE');
  let panels = 0;
  for (const [name, document] of read(folder)) {
    for (const panel of panelsOf(document)) {
      const { plan, frames } = render({ id: 1, ...panel });
      assert.ok(plan.targets.every((target) => target.step_ms > 0 && (plan.to - plan.from) / target.step_ms <= 11_000), name);
      assert.equal(plotModel(frames, new Set(), 'dark').series.length, frames.fields.length, name);
      panels += 1;
    }
  }
  assert.ok(panels > 1000, `only ${panels} panels`);
  return undefined;
});
