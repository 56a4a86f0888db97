// Error budgets as bars: how much is left of each, and for how long.
import { html } from '../../lib/html.js';
import { budgetState, lastsText } from '../../lib/budgets.js';
import { formatShare } from '../../lib/format.js';
import { StateMark } from '../../shell/icons.js';

/** Longer lists belong on the dashboard. */
const SHOWN_MAX = 8;

/** @param {{budgets: import('../../lib/budgets.js').Budget[], dashboard: string | null}} props dashboard: its address */
export function Budgets({ budgets, dashboard }) {
  return html`<ul class="link-list budgets">${budgets.slice(0, SHOWN_MAX).map((budget) => html`<${Row} key=${budget.id} budget=${budget} dashboard=${dashboard} />`)}
    ${budgets.length > SHOWN_MAX && html`<li class="link-more"><a href=${dashboard ?? '/dashboards'}>All ${budgets.length}</a></li>`}</ul>`;
}

/** @param {{budget: import('../../lib/budgets.js').Budget, dashboard: string | null}} props */
function Row({ budget, dashboard }) {
  const { left, service, name, objective } = budget;
  const { kind, word } = budgetState(budget);
  const share = Math.max(0, Math.min(1, left));
  const href = `${dashboard ?? '/dashboards'}${dashboard ? `${dashboard.includes('?') ? '&' : '?'}var-slo=${encodeURIComponent(budget.id)}` : ''}`;
  return html`<li><a href=${href}>
    <span class="link-name">${service} <span class="muted budget-name">${name}${objective === null ? '' : `, ${formatShare(objective)}`}</span></span>
    <span class="budget-left"><${StateMark} kind=${kind} word=${word} /></span>
    <span class="budget-bar" role="img" aria-label=${`${formatShare(share)} of the budget left`}><span class=${`budget-fill budget-${kind}`} style=${`width:${share * 100}%`} /></span>
    <span class="budget-lasts muted">${formatShare(left)}, ${lastsText(budget)}</span>
  </a></li>`;
}
