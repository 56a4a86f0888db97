// Groups of bars, laid out: what is drawn where on an axis of values. Pure.

/**
 * @typedef {object} BarSeries
 * @property {string} key
 * @property {string} name
 * @property {string} color
 * @property {import('./frames.js').Field} field
 * @property {(number | null)[]} values one a group
 * @property {boolean} hidden
 *
 * @typedef {{series: number, group: number, value: number, low: number, high: number, slot: number}} PlacedBar `slot`: which of the group's places
 * @typedef {{bars: PlacedBar[], slots: number, min: number, max: number}} BarLayout
 */

/**
 * @param {BarSeries[]} series
 * @param {number} groups
 * @param {'none' | 'normal' | 'percent'} stacking
 * @returns {BarLayout} the axis always holds zero
 */
export function layBars(series, groups, stacking) {
  /** @type {PlacedBar[]} */
  const bars = [];
  const shown = series.map((one, i) => ({ one, i })).filter(({ one }) => !one.hidden);
  for (let group = 0; group < groups; group++) {
    const total = shown.reduce((sum, { one }) => sum + Math.abs(one.values[group] ?? 0), 0);
    let [up, down] = [0, 0];
    shown.forEach(({ one, i }, slot) => {
      const value = one.values[group];
      if (typeof value !== 'number' || !Number.isFinite(value)) return;
      if (stacking === 'none') return void bars.push({ series: i, group, value, low: Math.min(0, value), high: Math.max(0, value), slot });
      const length = stacking === 'percent' ? (total > 0 ? value / total : 0) : value;
      const base = length >= 0 ? up : down;
      if (length >= 0) up += length;
      else down += length;
      bars.push({ series: i, group, value, low: Math.min(base, base + length), high: Math.max(base, base + length), slot: 0 });
    });
  }
  const min = bars.reduce((least, bar) => Math.min(least, bar.low), 0);
  const max = bars.reduce((most, bar) => Math.max(most, bar.high), 0);
  return { bars, slots: stacking === 'none' ? Math.max(1, shown.length) : 1, min, max: max === min ? min + 1 : max };
}

/** Round numbers from min to max, about as many as wished. @param {number} min @param {number} max @param {number} wished */
export function niceTicks(min, max, wished) {
  const raw = (max - min) / Math.max(1, wished);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5].find((digit) => digit * power >= raw) ?? 10) * power;
  const first = Math.ceil(min / step - 1e-9);
  const count = Math.floor(max / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, Math.min(count, 100)) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
