// A page of graphs, the first of 50 series × 1,000 points, under a moving pointer and under scrolling: how long the work of a frame takes,
// and how far apart frames are. Run inside the browser.
const [{ html }, { render }, { Panel }, { toFrames }] = await Promise.all(
  ['lib/html.js', 'vendor/preact/preact.js', 'panels/index.js', 'lib/frames.js'].map((path) => import(`/ui/${path}`)),
);
const FROM = Date.UTC(2026, 0, 1);
const STEP = 15_000;
const COUNT = 1000;
const TO = FROM + (COUNT - 1) * STEP;
const FRAMES = 180;

document.body.innerHTML = '<main id="graphs" style="display:grid;grid-template-columns:1fr 1fr;grid-auto-rows:340px;gap:8px"></main>';
const main = document.querySelector('#graphs');
const hover = { value: null, listeners: new Set(), subscribe(listener) { this.listeners.add(listener); return () => this.listeners.delete(listener); } };
const shared = new Proxy(hover, { set(to, key, value) { to[key] = value; if (key === 'value') for (const listener of to.listeners) listener(value); return true; } });
const panel = { id: 1, type: 'timeseries', title: 'many', targets: [{ refId: 'A', expr: 'x', legendFormat: '{{n}}' }], fieldConfig: { defaults: { unit: 'reqps' } }, options: { legend: { displayMode: 'table', calcs: ['lastNotNull', 'max'] } } };
const answer = (series) => [{ id: '1:A', start: FROM, step: STEP, count: COUNT, series: Array.from({ length: series }, (_, s) => ({ labels: { n: `series ${s}` }, values: Array.from({ length: COUNT }, (__, i) => 100 + s * 3 + 20 * Math.sin(i / (10 + s))) })) }];
const began = performance.now();
for (const series of [50, 50, 10, 10, 10, 10, 10, 10]) {
  const place = document.createElement('section');
  place.className = 'panel';
  place.style.position = 'static';
  place.innerHTML = '<div class="panel-inside"></div>';
  main.append(place);
  const frames = toFrames(panel, answer(series), { from: FROM, to: TO });
  render(html`<${Panel} panel=${panel} frames=${frames} timeRange=${{ from: FROM, to: TO, utc: true }} theme="dark" hover=${shared} variables=${{}} />`, place.firstElementChild);
}
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
for (let i = 0; i < 6; i++) await frame();
const drawn_ms = performance.now() - began;

/** Runs `work` once a frame: how long it took with all that it causes, and how far apart the frames were. */
async function measure(work) {
  const took = [];
  const apart = [];
  let last = await frame();
  for (let i = 0; i < FRAMES; i++) {
    const start = performance.now();
    work(i);
    // What style and layout the work made necessary is part of the frame.
    void document.body.offsetHeight;
    took.push(performance.now() - start);
    const now = await frame();
    apart.push(now - last);
    last = now;
  }
  const at = (list, share) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];
  const round = (number) => Math.round(number * 100) / 100;
  return { work_median_ms: round(at(took, 0.5)), work_p95_ms: round(at(took, 0.95)), frame_median_ms: round(at(apart, 0.5)), frame_p95_ms: round(at(apart, 0.95)) };
}

const over = document.querySelector('.u-over');
const box = over.getBoundingClientRect();
const move = (i) => {
  const x = box.left + 10 + ((i * 7) % (box.width - 20));
  const y = box.top + 20 + ((i * 3) % (box.height - 40));
  over.dispatchEvent(new MouseEvent('mousemove', { clientX: x, clientY: y, bubbles: true, movementX: 7, movementY: 3, view: window }));
};
// The plot only answers a pointer that is really over it; the test moves one there first.
over.matches = (selector) => selector === ':hover' || Element.prototype.matches.call(over, selector);
over.dispatchEvent(new MouseEvent('mouseenter', { clientX: box.left + 10, clientY: box.top + 20, bubbles: false, view: window }));
const hovering = await measure(move);
const tips = document.querySelector('.chart-tip')?.innerText.split('\n').length ?? 0;
const scrolling = await measure((i) => window.scrollTo(0, (i * 12) % Math.max(1, document.body.scrollHeight - innerHeight)));
return { drawn_ms: Math.round(drawn_ms), hovering, scrolling, tips };
