// The life of a uPlot inside a component: size follows its place, data follow refreshes, the pointer is shared with other panels.
import uPlot from '../vendor/uplot/uplot.js';
import { useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact/hooks.js';

/** @typedef {{width: number, height: number}} Size */
/** @typedef {{current: HTMLElement | null}} HostRef */

/**
 * @typedef {object} Pointer
 * @property {number} idx     nearest x
 * @property {number} x       client px
 * @property {number} y
 * @property {number} value   of the first y scale at the pointer
 * @property {number} time    ms, where the pointer is
 *
 * @typedef {object} Hover a shared signal
 * @property {{t: number | null} | null} value
 * @property {(listener: (value: {t: number | null} | null) => void) => () => void} subscribe
 *
 * @typedef {object} PlotInput
 * @property {HostRef} host
 * @property {string} shape                a new text builds the plot anew
 * @property {() => Partial<uPlot.Options>} options
 * @property {uPlot.AlignedData} data
 * @property {Hover} [hover]
 * @property {(from: number, to: number) => void} [onZoom]
 * @property {(pointer: Pointer | null) => void} [onPointer]
 * @property {(pointer: Pointer | null) => void} [onFollow] the pointer is over another plot, at this time: its value is NaN
 * @property {(plot: uPlot) => void} [onDraw]
 */

/** A drag shorter than this is a click, px. */
const DRAG_MIN_PX = 5;

/**
 * The inner size of an element, as it changes.
 * @param {HostRef} ref
 * @returns {Size}
 */
export function useSize(ref) {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const measure = () => {
      const width = Math.floor(element.clientWidth);
      const height = Math.floor(element.clientHeight);
      setSize((old) => (old.width === width && old.height === height ? old : { width, height }));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return size;
}

/**
 * @param {PlotInput} input
 * @returns {{current: uPlot | null}}
 */
export function usePlot(input) {
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const latest = useRef(input);
  const drawn = useRef(/** @type {uPlot.AlignedData | null} */ (null));
  latest.current = input;
  const size = useSize(input.host);
  const fits = size.width > 30 && size.height > 30;
  // While somebody drags, the plot stays as it is: another one would know nothing of where the drag began.
  const [isHeld, setHeld] = useState(false);
  const held = useRef(input);
  if (!isHeld) held.current = input;
  const { shape, data } = held.current;
  // Then no place in the plot is one in the newest data.
  const isBehind = () => drawn.current !== latest.current.data;
  useLayoutEffect(() => {
    const host = input.host.current;
    if (!fits || !host) return undefined;
    drawn.current = latest.current.data;
    const built = new uPlot(fullOptions(latest, size, isBehind), latest.current.data, host);
    plot.current = built;
    const letGo = holdWhileDragged(built.over, setHeld);
    return () => {
      plot.current = null;
      letGo();
      built.destroy();
    };
  }, [shape, fits]);
  useLayoutEffect(() => {
    const { current } = plot;
    if (current && (current.width !== size.width || current.height !== size.height)) current.setSize(size);
  }, [size]);
  useLayoutEffect(() => {
    if (!plot.current || drawn.current === data) return;
    drawn.current = data;
    plot.current.setData(data);
  }, [data]);
  useLayoutEffect(() => {
    if (!plot.current || !isBehind()) return;
    input.onPointer?.(null);
    input.onFollow?.(null);
  }, [input.data]);
  useEffect(() => input.hover?.subscribe((value) => follow(plot.current, value?.t ?? null, latest.current, isBehind())), [input.hover]);
  return plot;
}

/**
 * Says when a drag on an element begins and when it ends, wherever that is: in another window nobody tells.
 * @param {HTMLElement} over
 * @param {(isHeld: boolean) => void} tell
 * @returns {() => void} forgets it
 */
export function holdWhileDragged(over, tell) {
  const begin = (/** @type {MouseEvent} */ event) => {
    if (event.button === 0) tell(true);
  };
  const end = () => tell(false);
  over.addEventListener('mousedown', begin);
  document.addEventListener('mouseup', end);
  window.addEventListener('blur', end);
  return () => {
    over.removeEventListener('mousedown', begin);
    document.removeEventListener('mouseup', end);
    window.removeEventListener('blur', end);
    tell(false);
  };
}

/** @param {{current: PlotInput}} latest @param {Size} size @param {() => boolean} isBehind @returns {uPlot.Options} */
function fullOptions(latest, size, isBehind) {
  const own = latest.current.options();
  const hooks = own.hooks ?? {};
  return /** @type {uPlot.Options} */ ({
    ...own,
    ...size,
    ms: 1,
    padding: [8, 8, 0, own.axes && own.axes.length > 1 ? 0 : 8],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: DRAG_MIN_PX },
      bind: { dblclick: (u) => () => zoomOut(u, latest.current) },
      ...own.cursor,
    },
    hooks: {
      ...hooks,
      init: [...(hooks.init ?? []), (u) => u.over.addEventListener('mouseleave', () => leave(latest.current))],
      setCursor: [(u) => moved(u, latest.current, isBehind())],
      setSelect: [(u) => selected(u, latest.current)],
      draw: [...(hooks.draw ?? []), (u) => latest.current.onDraw?.(u)],
    },
  });
}

/** @param {PlotInput} input */
function leave({ hover, onPointer }) {
  if (hover) hover.value = { t: null };
  onPointer?.(null);
}

/** @param {uPlot} u @param {PlotInput} input @param {boolean} isBehind there is newer data than the plot has */
function moved(u, { hover, onPointer }, isBehind) {
  const { idx, left = -1, top = -1 } = u.cursor;
  if (left < 0 || !u.over.matches(':hover')) return;
  if (hover) hover.value = { t: u.posToVal(left, 'x') };
  if (isBehind || idx === null || idx === undefined) return onPointer?.(null);
  const box = u.over.getBoundingClientRect();
  const scale = Object.keys(u.scales).find((key) => key !== 'x') ?? 'x';
  return onPointer?.({ idx, x: box.left + left, y: box.top + top, value: u.posToVal(top, scale), time: u.posToVal(left, 'x') });
}

/** Moves the crosshair to where the pointer is in another panel. @param {uPlot | null} u @param {number | null} t @param {PlotInput} input @param {boolean} isBehind */
function follow(u, t, { onFollow }, isBehind) {
  if (!u || u.over.matches(':hover')) return onFollow?.(null);
  const { min, max } = u.scales.x;
  const isInside = t !== null && min !== undefined && max !== undefined && t >= Number(min) && t <= Number(max);
  const left = isInside ? u.valToPos(t, 'x') : -10;
  u.setCursor({ left, top: isInside ? 0 : -10 }, false);
  if (!onFollow) return undefined;
  const box = u.over.getBoundingClientRect();
  const isSeen = isInside && !isBehind && box.bottom > 0 && box.top < innerHeight;
  return onFollow(isSeen ? { idx: u.valToIdx(t), x: box.left + left, y: box.top + box.height / 2, value: NaN, time: t } : null);
}

/** @param {uPlot} u @param {PlotInput} input */
function selected(u, { onZoom }) {
  const { left, width } = u.select;
  if (width < DRAG_MIN_PX) return;
  onZoom?.(Math.round(u.posToVal(left, 'x')), Math.round(u.posToVal(left + width, 'x')));
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

/** Twice the range around the same middle. @param {uPlot} u @param {PlotInput} input */
function zoomOut(u, { onZoom }) {
  const min = Number(u.scales.x.min);
  const max = Number(u.scales.x.max);
  onZoom?.(Math.round(min - (max - min) / 2), Math.round(max + (max - min) / 2));
  return null;
}
