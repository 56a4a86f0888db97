// The last day of a rule as a strip: when it was pending, when it fired.
import { html } from '../../lib/html.js';
import { HISTORY_MS, historyPlan, spansOf, spansText } from '../../lib/alerthistory.js';
import { queryBatch } from '../../lib/client.js';
import { formatTimeShort } from '../../lib/time.js';
import { utc } from '../../shell/clock.js';
import { useResource } from '../../shell/resource.js';

/** @param {{name: string}} props of the alert */
export function RuleHistory({ name }) {
  const { data } = useResource((signal) => queryBatch(historyPlan(name, Date.now()), signal), name);
  const spans = spansOf(data ?? []);
  const to = (data?.[0]?.start ?? 0) + ((data?.[0]?.count ?? 1) - 1) * (data?.[0]?.step ?? 0);
  const share = (/** @type {number} */ at) => `${(Math.max(0, at - (to - HISTORY_MS)) / HISTORY_MS) * 100}%`;
  const says = (/** @type {import('../../lib/alerthistory.js').Span} */ span) => `${span.state} from ${formatTimeShort(span.from, utc.value)} to ${formatTimeShort(span.to, utc.value)}`;
  return html`<div class="rule-history"><div class="rule-strip" role="img" aria-label=${data ? spansText(spans) : 'asking'} data-spans=${spans.length}>
      ${spans.map((span) => html`<span key=${span.from} class=${`rule-span rule-${span.state}`} title=${says(span)} style=${`left:${share(span.from)};width:max(2px, ${((span.to - span.from) / HISTORY_MS) * 100}%)`} />`)}
    </div><span class="muted rule-strip-text">${data ? spansText(spans) : ''}</span></div>`;
}
