// Panels on the grid, rows that open and shut, and which panels are on the screen (only those are asked for).
import { html } from '../../lib/html.js';
import { useEffect, useLayoutEffect, useRef, useState } from '../../vendor/preact/hooks.js';
import { interpolate } from '../../lib/interpolate.js';
import { isClosed, place, rects, rowSize } from '../../lib/layout.js';
import { plural } from '../../lib/format.js';
import { Icon } from '../../shell/icons.js';
import { PanelFrame } from './frame.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('../../lib/types.d.ts').PanelJson} PanelJson */
/** @typedef {import('../../lib/layout.js').Rect} Rect */

/** Panels this far off the screen are fetched ahead. */
const AHEAD_PX = 300;

/** A panel drawn over the whole page leaves this much below it. */
const BELOW_PX = 12;

/** Room a frame takes from a panel's width. */
const FRAME_PX = 18;

/** Width to ask at for a panel that is inspected without being on the screen. */
const INSPECT_PX = 800;

/**
 * @param {{model: Model, full: PanelJson | null, inspected: PanelJson | null}} props full: the one panel to show;
 * inspected: one whose data is wanted wherever it lies
 */
export function Grid({ model, full, inspected }) {
  const grid = useRef(/** @type {HTMLElement | null} */ (null));
  const size = useSize(grid);
  const placed = full ? [] : place(model.panels.value, model.closed.value);
  const layout = full ? { rects: [{ left: 0, top: 0, ...size }], height: size.height } : rects(placed, size.width);
  const items = full ? [full] : placed.map((item) => item.panel);
  const near = useNear(grid);
  const shown = items.flatMap((panel, at) => (panel.type !== 'row' && (full || near.has(panel.id)) ? [/** @type {[number, number]} */ ([panel.id, layout.rects[at].width - FRAME_PX])] : []));
  if (inspected && !shown.some(([id]) => id === inspected.id)) shown.push([inspected.id, INSPECT_PX]);
  const key = JSON.stringify(shown);
  useEffect(() => {
    if (size.width > 0) model.shown.value = new Map(shown);
  }, [key, size.width > 0]);

  return html`<div class="grid" ref=${grid} style=${`height:${layout.height}px`}>
    ${size.width > 0 && items.map((panel, at) => (panel.type === 'row'
      ? html`<${Row} key=${panel.id} model=${model} panel=${panel} rect=${layout.rects[at]} />`
      : html`<${PanelFrame} key=${panel.id} model=${model} panel=${panel} rect=${layout.rects[at]} hidden=${!full && !near.has(panel.id)} />`))}
  </div>`;
}

/** @param {{current: HTMLElement | null}} grid the grid's width, and the height from its top to the bottom of the window */
function useSize(grid) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = grid.current;
    if (!element) return;
    const measure = () => {
      const box = element.getBoundingClientRect();
      const height = Math.max(300, window.innerHeight - (box.top + window.scrollY) - bottomBar() - BELOW_PX);
      setSize((old) => (old.width === Math.round(box.width) && old.height === Math.round(height) ? old : { width: Math.round(box.width), height: Math.round(height) }));
    };
    measure();
    const watch = new ResizeObserver(() => requestAnimationFrame(measure));
    watch.observe(element);
    window.addEventListener('resize', measure);
    return () => {
      watch.disconnect();
      window.removeEventListener('resize', measure);
    };
  }, []);
  return size;
}

/** Height of the rail when it lies at the bottom, as on phones. */
function bottomBar() {
  const rail = document.querySelector('.rail')?.getBoundingClientRect();
  return rail && rail.width >= window.innerWidth - 1 ? rail.height : 0;
}

/** Ids of the panels on the screen or nearly so. @param {{current: HTMLElement | null}} grid @returns {Set<number>} */
function useNear(grid) {
  const near = useRef(/** @type {Set<number>} */ (new Set()));
  const watch = useRef(/** @type {IntersectionObserver | null} */ (null));
  const [, redraw] = useState(0);
  useEffect(() => {
    // Each panel has its own last word; the set is changed in place, so that no batch of news undoes another.
    const hear = (/** @type {IntersectionObserverEntry[]} */ entries) => {
      for (const entry of entries) {
        const id = Number(entry.target.getAttribute('data-panel'));
        if (entry.isIntersecting) near.current.add(id);
        else near.current.delete(id);
      }
      redraw((count) => count + 1);
    };
    watch.current = new IntersectionObserver(hear, { rootMargin: `${AHEAD_PX}px 0px` });
    return () => watch.current?.disconnect();
  }, []);
  useEffect(() => {
    for (const element of grid.current?.querySelectorAll(':scope > .panel') ?? []) watch.current?.observe(element);
  });
  return near.current;
}

/** @param {{model: Model, panel: PanelJson, rect: Rect}} props */
function Row({ model, panel, rect }) {
  const shut = isClosed(panel, model.closed.value);
  const title = interpolate(panel.title ?? '', model.scope(panel)) || 'Row';
  const flip = () => {
    model.closed.value = new Map(model.closed.peek()).set(panel.id, !shut);
  };
  const style = `left:${rect.left}px;top:${rect.top}px;width:${rect.width}px;height:${rect.height}px`;
  return html`<div class="grid-row" style=${style}><button type="button" class="grid-row-button" aria-expanded=${!shut} onClick=${flip}>
    <span class=${shut ? 'twist' : 'twist twist-open'}><${Icon} name="right" /></span><h2>${title}</h2>
    ${shut && html`<span class="muted">${plural(rowSize(panel, model.panels.value), 'panel')}</span>`}</button></div>`;
}
