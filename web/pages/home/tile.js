// One job on the home page.
import { html } from '../../lib/html.js';
import { formatRate, formatSeconds, formatShare } from '../../lib/format.js';
import { StateMark } from '../../shell/icons.js';
import { Sparkline } from '../../shell/sparkline.js';

/** Above this share of failed requests the figure itself is marked. One in a hundred is what the lab's alert takes for high. */
const ERRORS_HIGH = 0.01;

/** @param {{service: import('../../lib/services.js').Service}} props */
export function Tile({ service }) {
  const { job, up, instances, rate, errors, p99, history, health, firing } = service;
  const names = [...new Set(firing.map((alert) => alert.labels.alertname))].join(', ');
  const measured = rate !== null || p99 !== null;
  return html`<a class="tile tile-${health.kind}" href=${`/targets?q=${encodeURIComponent(`job=${job}`)}`}>
    <span class="tile-head"><strong class="tile-name">${job || 'no job label'}</strong><${StateMark} kind=${health.kind} word=${health.word} /></span>
    ${measured
      ? html`<span class="tile-figures">
          <${Figure} name="requests" value=${formatRate(rate)} />
          <${Figure} name="errors" value=${formatShare(errors)} high=${errors !== null && errors > ERRORS_HIGH} />
          <${Figure} name="p99" value=${formatSeconds(p99)} />
        </span><${Sparkline} values=${history} says="Requests per second, last hour" />`
      : html`<span class="tile-quiet muted">No request metrics under the names this page knows.</span>`}
    <span class="tile-foot muted">${up} of ${instances} up${names && html` · <span class="tile-alerts">${names}</span>`}<span class="tile-window">${measured ? 'last hour' : ''}</span></span>
  </a>`;
}

/** @param {{name: string, value: string, high?: boolean}} props */
function Figure({ name, value, high = false }) {
  return html`<span class="figure"><span class=${high ? 'figure-value figure-high' : 'figure-value'}>${value}</span><span class="figure-name">${name}${high ? ', high' : ''}</span></span>`;
}
