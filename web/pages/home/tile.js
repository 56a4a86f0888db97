// One job on the home page.
import { html } from '../../lib/html.js';
import { formatRate, formatSeconds, formatShare } from '../../lib/format.js';
import { ERRORS_HIGH, HISTORY_MS, HISTORY_STEP_MS } from '../../lib/services.js';
import { formatDuration } from '../../lib/time.js';
import { StateMark } from '../../shell/icons.js';
import { Sparkline } from '../../shell/sparkline.js';

const MINUTE_MS = 60_000;

/** Whole minutes once there is one: seconds would change at each look. @param {number} ms */
const coarse = (ms) => (ms < MINUTE_MS ? ms : Math.floor(ms / MINUTE_MS) * MINUTE_MS);

/**
 * The whole tile leads to the job's dashboard, its foot to what is scraped and what fires.
 * @param {{service: import('../../lib/services.js').Service, dashboard: string | null}} props dashboard: its address
 */
export function Tile({ service, dashboard }) {
  const { job, up, instances, rate, errors, p99, history, historyMs, health, firing } = service;
  const measured = rate !== null || p99 !== null;
  const targets = `/targets?q=${encodeURIComponent(`job=${job}`)}`;
  const window = historyMs >= HISTORY_MS - HISTORY_STEP_MS ? 'last hour' : `last ${formatDuration(coarse(historyMs))}`;
  return html`<article class="tile tile-${health.kind}" aria-label=${job}>
    <div class="tile-head"><h3 class="tile-name"><a class="tile-link" href=${dashboard ?? targets}>${job || 'no job label'}</a></h3><${StateMark} kind=${health.kind} word=${health.word} /></div>
    ${measured
      ? html`<div class="tile-figures">
          <${Figure} name="requests" value=${formatRate(rate)} />
          <${Figure} name="errors" value=${formatShare(errors)} high=${errors !== null && errors > ERRORS_HIGH} />
          <${Figure} name="p99" value=${formatSeconds(p99)} />
        </div><${Sparkline} values=${history} says=${`Requests per second, ${window}`} />`
      : html`<p class="tile-quiet muted">No request metrics under the names this page knows.</p>`}
    <div class="tile-foot muted"><a class="tile-up" href=${targets}>${up} of ${instances} up</a>
      ${[...new Set(firing.map((alert) => alert.labels.alertname))].map((name) => html`<a key=${name} class="tile-alert" href=${`/alerts?q=${encodeURIComponent(name ?? '')}`}>${name}</a>`)}
      <span class="tile-window">${measured && historyMs > 0 ? window : ''}</span></div>
  </article>`;
}

/** @param {{name: string, value: string, high?: boolean}} props */
function Figure({ name, value, high = false }) {
  return html`<span class="figure"><span class=${high ? 'figure-value figure-high' : 'figure-value'}>${value}</span><span class="figure-name">${name}${high ? ', high' : ''}</span></span>`;
}
