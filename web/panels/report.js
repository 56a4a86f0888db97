// What a panel has drawn, told to its root once the drawing stands.
import { useLayoutEffect } from '../vendor/preact/hooks.js';

/**
 * @typedef {object} Drawn
 * @property {number} series
 * @property {number} points
 * @property {number} [cells]
 * @property {number} [rows]
 * @property {number} [marks]
 *
 * @typedef {(drawn: Drawn) => void} Report
 */

/**
 * For drawings in the DOM: reports after each commit.
 * @param {Report} report
 * @param {Drawn} drawn
 */
export function useReport(report, drawn) {
  useLayoutEffect(() => report(drawn));
}
