// A line without axes: the shape of the last while.
import { html } from '../lib/html.js';

const WIDTH = 240;
const HEIGHT = 40;

/**
 * @param {{values: (number | null)[], says: string}} props says: what the line shows, for who cannot see it
 */
export function Sparkline({ values, says }) {
  const known = values.filter((value) => value !== null && Number.isFinite(value));
  if (known.length < 2) return html`<div class="spark spark-none muted">The line begins with the next scrapes.</div>`;
  const top = Math.max(...known.map(Number), 0);
  const lines = pieces(values).map((piece) => piece.map(([at, value]) => `${x(at, values.length)},${y(value, top)}`).join(' '));
  const areas = pieces(values).map((piece) => `${x(piece[0][0], values.length)},${HEIGHT} ${piece.map(([at, value]) => `${x(at, values.length)},${y(value, top)}`).join(' ')} ${x(piece[piece.length - 1][0], values.length)},${HEIGHT}`);
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${says}>
    ${areas.map((points, at) => html`<polygon key=${`a${at}`} points=${points} class="spark-area" />`)}
    ${lines.map((points, at) => html`<polyline key=${`l${at}`} points=${points} class="spark-line" vector-effect="non-scaling-stroke" />`)}
  </svg>`;
}

/** @param {number} at @param {number} count */
const x = (at, count) => ((at / (count - 1)) * WIDTH).toFixed(1);

/** @param {number} value @param {number} top */
const y = (value, top) => (HEIGHT - 1.5 - (top === 0 ? 0 : (value / top) * (HEIGHT - 4))).toFixed(1);

/** Runs of known values: a gap in the data is a gap in the line. @param {(number | null)[]} values */
function pieces(values) {
  /** @type {[number, number][][]} */
  const out = [];
  let open = false;
  values.forEach((value, at) => {
    if (value === null || !Number.isFinite(value)) {
      open = false;
    } else {
      if (!open) out.push([]);
      open = true;
      out[out.length - 1].push([at, value]);
    }
  });
  return out.filter((piece) => piece.length > 1);
}
