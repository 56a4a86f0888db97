// Error budgets for the home page: what to ask for, and one row an objective, the worst first. Pure.
import { wireNumber } from './format.js';

/** @typedef {import('./types.d.ts').TargetResult} TargetResult */
/** @typedef {import('./types.d.ts').Target} Target */

/**
 * @typedef {object} Budget
 * @property {string} id of the objective
 * @property {string} service
 * @property {string} name
 * @property {number} left share of the budget that is left; below zero it is overspent
 * @property {number | null} objective share promised
 * @property {number | null} burn how many times as fast as allowed it goes now
 * @property {number | null} daysLeft how long what is left lasts at the pace of the last day; null when nothing is spent
 * @property {number | null} periodDays
 */

const DAY_S = 86_400;

/** @param {string} id @param {string} series */
const worst = (id, series) => ({ id, expr: `max by (sloth_id, sloth_service, sloth_slo) (${series})`, step_ms: 1000, instant: true });

/** @type {Target[]} */
export const BUDGET_TARGETS = [
  worst('budget-left', 'slo:period_error_budget_remaining:ratio'),
  worst('budget-objective', 'slo:objective:ratio'),
  worst('budget-burn', 'slo:current_burn_rate:ratio'),
  worst('budget-lasts', 'slo:error_budget_exhaustion:seconds{sloth_window="1d"}'),
  worst('budget-period', 'slo:time_period:days'),
];

/** @param {TargetResult[]} results @returns {Budget[]} least left first */
export function budgetsOf(results) {
  const byId = new Map(results.map((result) => [result.id, result]));
  const value = (/** @type {string} */ target, /** @type {string} */ id) => {
    const series = byId.get(target)?.series?.find((one) => one.labels.sloth_id === id);
    const number = wireNumber(series?.values.at(-1));
    return number === null || !Number.isFinite(number) ? null : number;
  };
  const rows = (byId.get('budget-left')?.series ?? []).flatMap(({ labels, values }) => {
    const left = wireNumber(values.at(-1));
    if (left === null || !Number.isFinite(left)) return [];
    const id = labels.sloth_id ?? '';
    const lasts = value('budget-lasts', id);
    return [{
      id,
      service: labels.sloth_service ?? '',
      name: labels.sloth_slo ?? id,
      left,
      objective: value('budget-objective', id),
      burn: value('budget-burn', id),
      daysLeft: left <= 0 ? 0 : lasts === null ? null : lasts / DAY_S,
      periodDays: value('budget-period', id),
    }];
  });
  return rows.sort((a, b) => a.left - b.left || a.id.localeCompare(b.id));
}

/** How an objective is: a word beside the colour. @param {Budget} budget @returns {{kind: 'ok' | 'warn' | 'crit', word: string}} */
export function budgetState({ left, burn }) {
  if (left <= 0) return { kind: 'crit', word: 'Spent' };
  if (burn !== null && burn > 14.4) return { kind: 'crit', word: 'Burning' };
  if (left < 0.25 || (burn !== null && burn > 1)) return { kind: 'warn', word: left < 0.25 ? 'Low' : 'Going down' };
  return { kind: 'ok', word: 'Kept' };
}

/** How long it lasts, in words. @param {Budget} budget */
export function lastsText({ left, daysLeft, periodDays }) {
  if (left <= 0) return 'nothing left';
  if (daysLeft === null) return 'nothing is spent';
  if (periodDays !== null && daysLeft >= periodDays) return `lasts the ${periodDays} days`;
  if (daysLeft >= 1) return `${Math.floor(daysLeft)} ${daysLeft < 2 ? 'day' : 'days'} left`;
  return `${Math.max(1, Math.round(daysLeft * 24))} h left`;
}
