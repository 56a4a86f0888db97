// Stacking: each series drawn on the sum of those before it in its stack. A missing value adds nothing and breaks the series' own line.

/** @typedef {Array<number | null | undefined>} Column */

/**
 * @typedef {object} StackInput
 * @property {Column} values
 * @property {'none' | 'normal' | 'percent'} mode
 * @property {string} group   series stack within a group (style of drawing included)
 * @property {boolean} hidden hidden series take no room
 *
 * @typedef {object} StackOutput
 * @property {Column} values  what is drawn
 * @property {number} below   index of the series this one stands on, -1 for the ground
 * @property {Column} [base]  the ground it stands on, when that is not the line of `below` (which has a gap there)
 */

/**
 * @param {ReadonlyArray<StackInput>} inputs
 * @returns {StackOutput[]}
 */
export function stackColumns(inputs) {
  /** @type {Map<string, {sums: Float64Array, last: number, line: Column}>} */
  const stacks = new Map();
  const totals = percentTotals(inputs);
  return inputs.map(({ values, mode, group, hidden }, index) => {
    if (mode === 'none' || hidden) return { values, below: -1 };
    const key = `${group} ${isNegative(values) ? '-' : '+'}`;
    const stack = stacks.get(key) ?? { sums: new Float64Array(values.length), last: -1, line: [] };
    const ground = stack.sums.slice();
    const drawn = pile(values, stack.sums, mode === 'percent' ? totals.get(key) : undefined);
    const below = stack.last;
    const isOff = below >= 0 && drawn.some((value, i) => typeof value === 'number' && stack.line[i] !== ground[i]);
    stacks.set(key, { sums: stack.sums, last: index, line: drawn });
    return { values: drawn, below, ...(isOff ? { base: drawn.map((value, i) => (typeof value === 'number' ? ground[i] : value)) } : {}) };
  });
}

/** Series that are mostly below zero stack downwards. @param {Column} values */
function isNegative(values) {
  let sign = 0;
  for (const value of values) if (typeof value === 'number') sign += Math.sign(value);
  return sign < 0;
}

/** @param {Column} values @param {Float64Array} sums changed: the new height @param {Float64Array} [totals] @returns {Column} */
function pile(values, sums, totals) {
  return values.map((value, i) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) return value === undefined ? undefined : null;
    sums[i] += totals ? (totals[i] === 0 ? 0 : value / Math.abs(totals[i])) : value;
    return sums[i];
  });
}

/** @param {ReadonlyArray<StackInput>} inputs */
function percentTotals(inputs) {
  /** @type {Map<string, Float64Array>} */
  const totals = new Map();
  for (const { values, mode, group, hidden } of inputs) {
    if (mode !== 'percent' || hidden) continue;
    const key = `${group} ${isNegative(values) ? '-' : '+'}`;
    const sums = totals.get(key) ?? new Float64Array(values.length);
    values.forEach((value, i) => {
      if (typeof value === 'number' && Number.isFinite(value)) sums[i] += value;
    });
    totals.set(key, sums);
  }
  return totals;
}
