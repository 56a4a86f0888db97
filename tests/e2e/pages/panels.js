// Every kind of panel with known answers, drawn into an empty page. What was drawn is read back from the page and the canvases.
// Run inside the browser: `theme` is "dark" or "light"; gives what each panel shows.
const [{ html }, { render }, { Panel }, { toFrames }] = await Promise.all(
  ['lib/html.js', 'vendor/preact/preact.js', 'panels/index.js', 'lib/frames.js'].map((path) => import(`/ui/${path}`)),
);

const FROM = Date.UTC(2026, 0, 1, 12);
const STEP = 60_000;
const COUNT = 61;
const TO = FROM + (COUNT - 1) * STEP;

/** One series a target: values by place. */
const series = (labels, value) => ({ labels, values: Array.from({ length: COUNT }, (_, i) => value(i)) });
const answer = (refId, ...list) => ({ id: `1:${refId}`, start: FROM, step: STEP, count: COUNT, series: list });
const instant = (refId, ...rows) => ({ id: `1:${refId}`, start: TO, step: STEP, count: 1, series: rows.map(([labels, value]) => ({ labels, values: [value] })) });
const target = (refId, more) => ({ refId, expr: 'x', legendFormat: '{{n}}', ...more });

const wave = (i) => Math.round(50 + 40 * Math.sin(i / 8));
const waves = [answer('A', series({ n: 'one' }, wave), series({ n: 'two' }, (i) => (i > 20 && i < 30 ? null : 20 + (i % 7))))];
const shares = [instant('A', [{ n: 'mail' }, 50], [{ n: 'web' }, 30], [{ n: 'cron' }, 20])];
const table = { options: { footer: { show: true, reducer: ['sum'] }, sortBy: [{ displayName: 'Errors', desc: true }] } };

const PANELS = {
  lines: [{ type: 'timeseries', targets: [target('A')], fieldConfig: { defaults: { unit: 'reqps', custom: { fillOpacity: 10 } } }, options: { legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] } } }, waves],
  stacked: [{ type: 'timeseries', targets: [target('A')], fieldConfig: { defaults: { custom: { drawStyle: 'bars', stacking: { mode: 'normal' } } } }, options: { legend: { displayMode: 'list', placement: 'right', calcs: ['mean'] } } }, waves],
  marked: [{ type: 'timeseries', targets: [target('A')], fieldConfig: { defaults: { custom: { thresholdsStyle: { mode: 'dashed+area' }, gradientMode: 'scheme', fillOpacity: 20 }, color: { mode: 'thresholds' }, thresholds: { steps: [{ color: 'green' }, { value: 60, color: 'red' }] } } }, options: { legend: { showLegend: false } } }, [answer('A', series({ n: 'one' }, wave))]],
  graph: [{ type: 'graph', targets: [target('A')], lines: true, fill: 2, yaxes: [{ format: 'bytes' }, {}], legend: { show: true, values: true, max: true, alignAsTable: true }, seriesOverrides: [{ alias: 'two', transform: 'negative-Y' }] }, waves],
  stat: [{ type: 'stat', targets: [target('A')], options: { reduceOptions: { calcs: ['max'] }, colorMode: 'background' }, fieldConfig: { defaults: { unit: 'ms', thresholds: { steps: [{ color: 'green' }, { value: 80, color: 'red' }] } } } }, waves],
  gauge: [{ type: 'gauge', targets: [target('A')], options: { reduceOptions: { calcs: ['max'] } }, fieldConfig: { defaults: { unit: 'percent', min: 0, max: 100 } } }, [answer('A', series({ n: 'one' }, wave))]],
  bargauge: [{ type: 'bargauge', targets: [target('A', { instant: true })], options: { displayMode: 'lcd' }, fieldConfig: { defaults: { unit: 'short', min: 0, max: 60 } } }, shares],
  table: [{ type: 'table', ...table, targets: [target('A', { format: 'table', instant: true }), target('B', { format: 'table', instant: true })], transformations: [{ id: 'merge' }, { id: 'organize', options: { excludeByName: { Time: true }, renameByName: { n: 'Service', 'Value #A': 'Requests', 'Value #B': 'Errors' } } }],
    fieldConfig: { defaults: {}, overrides: [
      { matcher: { id: 'byName', options: 'Requests' }, properties: [{ id: 'custom.cellOptions', value: { type: 'gauge', mode: 'gradient' } }, { id: 'max', value: 50 }, { id: 'min', value: 0 }] },
      { matcher: { id: 'byName', options: 'Errors' }, properties: [{ id: 'unit', value: 'percentunit' }, { id: 'custom.cellOptions', value: { type: 'color-background' } }, { id: 'thresholds', value: { steps: [{ color: 'green' }, { value: 0.1, color: 'red' }] } }] },
      { matcher: { id: 'byName', options: 'Service' }, properties: [{ id: 'links', value: [{ title: 'Deep dive', url: '/d/service?var-job=${__value.raw}&rate=${__data.fields.Requests}' }] }, { id: 'custom.filterable', value: true }] },
    ] } }, [...shares, instant('B', [{ n: 'mail' }, 0.02], [{ n: 'web' }, 0.25], [{ n: 'cron' }, 0])]],
  heatmap: [{ type: 'heatmap', targets: [target('A', { format: 'heatmap' })], options: { yAxis: { unit: 's' } } }, [answer('A', series({ le: '0.1' }, (i) => i % 9), series({ le: '1' }, (i) => (i % 9) + (i % 5)), series({ le: '+Inf' }, (i) => (i % 9) + (i % 5) + 1))]],
  pie: [{ type: 'piechart', targets: [target('A', { instant: true })], options: { pieType: 'donut', displayLabels: ['percent'], legend: { displayMode: 'table', placement: 'right', values: ['value', 'percent'] } } }, shares],
  states: [{ type: 'state-timeline', targets: [target('A')], fieldConfig: { defaults: { mappings: [{ type: 'value', options: { 0: { text: 'down', color: 'red' }, 1: { text: 'up', color: 'green' } } }] } } }, [answer('A', series({ n: 'orders-1' }, (i) => (i > 20 && i < 35 ? 0 : 1)), series({ n: 'orders-2' }, (i) => (i < 10 ? null : 1)))]],
  history: [{ type: 'status-history', targets: [target('A')], fieldConfig: { defaults: { thresholds: { steps: [{ color: 'green' }, { value: 60, color: 'red' }] } } } }, [{ ...answer('A'), count: 12, step: 300_000, series: [{ labels: { n: 'load' }, values: [10, 20, 70, 80, 30, null, 10, 61, 59, 60, 5, 5] }] }]],
  bars: [{ type: 'barchart', targets: [target('A', { format: 'table', instant: true })], fieldConfig: { defaults: { unit: 'short' } }, options: { legend: { showLegend: false } } }, shares],
  histogram: [{ type: 'histogram', targets: [target('A')], options: { bucketSize: 10, combine: true } }, waves],
  logs: [{ type: 'logs', targets: [target('A', { expr: '{job="x"}' })], options: { showTime: true, wrapLogMessage: false, sortOrder: 'Descending' } }, [{ id: '1:A', kind: 'logs',
    times_ns: [`${FROM}000001`, `${FROM + 5}000000`, `${FROM + 9}000000`], lines: ['level=info msg="started"', '{"level":"error","path":"/api/order","took":12}', 'a plain line'], label_sets: [{ job: 'x', app: 'a' }, { job: 'x', app: 'b' }], labels: [0, 1, 0], metadata: [null, { trace_id: 'abc' }, null] }]],
  text: [{ type: 'text', options: { mode: 'markdown', content: '# Hello $name\n\n**bold** and <span style="color:red">red</span>\n\n<script>window.hacked = true</script><img src="x" onerror="window.hacked = true">\n\n| a | b |\n|---|---|\n| 1 | 2 |' } }, []],
  unknown: [{ type: 'flux-capacitor', targets: [target('A')] }, []],
  missing: [{ type: 'timeseries', targets: [target('A', { datasource: { type: 'tempo', uid: 't' } })] }, []],
  empty: [{ type: 'timeseries', targets: [target('A')] }, [answer('A')]],
  words: [{ type: 'stat', targets: [target('A')], fieldConfig: { defaults: { noValue: 'no replica' } } }, [answer('A')]],
  failed: [{ type: 'timeseries', targets: [target('A')] }, [{ id: '1:A', error: { message: 'unexpected end of input', start: 4, end: 4 } }]],
};

const marks = [{ from: FROM + 20 * STEP, to: FROM + 25 * STEP, title: 'deploy', text: 'v2', tags: ['a'], color: 'purple', source: 0 }];

document.documentElement.dataset.theme = theme;
document.body.innerHTML = '<main id="panels" style="display:grid;grid-template-columns:repeat(4,1fr);grid-auto-rows:250px;gap:8px;padding:8px"></main>';
const main = document.querySelector('#panels');
const title = { lines: 'Lines', unknown: 'Not known' };
for (const [name, [given, results]] of Object.entries(PANELS)) {
  const place = document.createElement('section');
  place.className = 'panel';
  place.style.position = 'static';
  place.id = `panel-${name}`;
  place.innerHTML = `<header class="panel-head"><h3 class="panel-title">${title[name] ?? name}</h3></header><div class="panel-inside"></div>`;
  main.append(place);
  const panel = { id: 1, title: name, ...given };
  const frames = toFrames(panel, results, { from: FROM, to: TO, variables: { name: 'reader' } });
  render(html`<${Panel} panel=${panel} frames=${frames} timeRange=${{ from: FROM, to: TO, utc: true }} theme=${theme} variables=${{ name: 'reader' }} marks=${name === 'marked' ? marks : []} />`, place.lastElementChild);
}
// Some kinds are fetched when they are wanted; the observers of sizes answer in the frames after that.
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
for (let i = 0; i < 600 && document.querySelector('.panel-body[data-state=loading]'); i++) await frame();
for (let i = 0; i < 6; i++) await frame();

/** Pixels of a canvas that are not empty, and how many colours they have. */
const ink = (canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  let painted = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] === 0) continue;
    painted += 1;
    if (colours.size < 5000) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  }
  return { painted, colours: colours.size };
};
const texts = (root, selector) => [...root.querySelectorAll(selector)].map((one) => one.textContent.trim());
/** Elements whose text is cut at the side although nothing says so. */
const cut = (root) => [...root.querySelectorAll('td, th, .stat-value, .bar-value, .legend-value, text')].filter((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).textOverflow !== 'ellipsis').map((one) => one.textContent);

return Object.fromEntries(Object.keys(PANELS).map((name) => {
  const root = document.querySelector(`#panel-${name}`);
  const body = root.querySelector('.panel-body');
  const canvas = root.querySelector('canvas');
  return [name, {
    state: body.dataset.state, data: { ...body.dataset }, ink: canvas ? ink(canvas) : null, note: texts(root, '.panel-note')[0] ?? '',
    legend: texts(root, '.legend tr, .legend-list > span'), values: [...root.querySelectorAll('[data-text]')].map((one) => one.dataset.text),
    cells: [...root.querySelectorAll('.panel-table tbody tr')].map((row) => texts(row, 'td')), foot: texts(root, 'tfoot td'), links: [...root.querySelectorAll('a[href]')].map((one) => one.getAttribute('href')),
    shapes: [...root.querySelectorAll('[data-value]')].map((one) => one.dataset.value), shares: [...root.querySelectorAll('[data-share]')].map((one) => one.dataset.share),
    lines: [...root.querySelectorAll('.log')].map((one) => [one.dataset.level, one.querySelector('.log-text').textContent]),
    cut: cut(root), text: texts(root, '.panel-text')[0] ?? '', styled: root.querySelector('.panel-text span')?.getAttribute('style') ?? '', hacked: window.hacked === true,
  }];
}));
