// Slices of a pie: shares of the whole, sorted, with the angles they take. Pure.

/**
 * @typedef {object} Slice
 * @property {number} at     index among the values given
 * @property {number} share  0…1
 * @property {number} from   0…1 of the circle, clockwise from the top
 * @property {number} to
 */

/**
 * Values below zero and missing ones take no room.
 * @param {ReadonlyArray<number | null>} values
 * @param {string} sort desc, asc or none
 * @returns {Slice[]}
 */
export function slicesOf(values, sort) {
  const known = values.map((value, at) => ({ at, value: typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0 }));
  const total = known.reduce((sum, { value }) => sum + value, 0);
  const sign = sort === 'asc' ? 1 : sort === 'none' ? 0 : -1;
  const sorted = [...known].sort((a, b) => sign * (a.value - b.value) || a.at - b.at);
  let from = 0;
  return sorted.map(({ at, value }) => {
    const share = total > 0 ? value / total : 0;
    const slice = { at, share, from, to: from + share };
    from = slice.to;
    return slice;
  });
}

/**
 * A slice as a path of SVG in a square of 100; a whole circle needs two arcs.
 * @param {Slice} slice
 * @param {number} inner radius of the hole, 0 for none
 * @param {number} outer
 */
export function slicePath({ from, to }, inner, outer) {
  const point = (/** @type {number} */ radius, /** @type {number} */ share) => {
    const angle = share * 2 * Math.PI;
    return `${(50 + radius * Math.sin(angle)).toFixed(3)} ${(50 - radius * Math.cos(angle)).toFixed(3)}`;
  };
  const end = Math.min(to, from + 0.99999);
  const large = end - from > 0.5 ? 1 : 0;
  const arc = `M${point(outer, from)}A${outer} ${outer} 0 ${large} 1 ${point(outer, end)}`;
  return inner > 0 ? `${arc}L${point(inner, end)}A${inner} ${inner} 0 ${large} 0 ${point(inner, from)}Z` : `${arc}L50 50Z`;
}
