// The inbox that stands for receivers in a lab: each message as the person would see it who got it.
import { html } from '../../lib/html.js';
import { fetchInbox } from '../../lib/client.js';
import { plural } from '../../lib/format.js';
import { KINDS, titleOf } from '../../lib/messages.js';
import { withSearch } from '../../lib/route.js';
import { formatAgo, formatTime } from '../../lib/time.js';
import { address, params } from '../../shell/address.js';
import { clock, utc } from '../../shell/clock.js';
import { Empty, Failed, Loading, Stale } from '../../shell/notice.js';
import { usePage } from '../../shell/page.js';
import { useResource } from '../../shell/resource.js';
import { SearchField, hasWords } from '../../shell/search.js';
import { AlertTabs } from '../alerts/tabs.js';
import { Incidents } from './incidents.js';
import { Mail, Post, Webhook } from './message.js';

/** @typedef {import('../../lib/alerts.d.ts').InboxMessage} InboxMessage */

/** Messages drawn; older ones are found by search. */
const SHOWN_MAX = 40;

export function InboxPage() {
  usePage({ title: 'Inbox', above: { name: 'Alerts', href: '/alerts' }, refresh: '5s' });
  const { data, error } = useResource((signal) => fetchInbox({ signal }));
  const kind = params.value.get('kind') ?? '';
  const search = params.value.get('q') ?? '';
  const all = data?.messages ?? [];
  const shown = all.filter((one) => (kind === '' || one.kind === kind) && hasWords(`${titleOf(one)} ${JSON.stringify(one.body)}`, search));
  return html`<div class="page page-narrow"><${AlertTabs} />
    <div class="filters"><${SearchField} name="Search messages" />
      <div class="segmented" role="group" aria-label="Receiver">
        <${Choice} value="" now=${kind} word="All" count=${all.length} />
        ${Object.keys(KINDS).filter((one) => all.some((message) => message.kind === one)).map((one) => html`<${Choice} key=${one} value=${one} now=${kind} word=${KINDS[one]} count=${all.filter((message) => message.kind === one).length} />`)}
      </div></div>
    <${Stale} error=${data ? error : null} />
    <${List} data=${data} error=${error} shown=${shown} kind=${kind} />
  </div>`;
}

/** @param {{value: string, now: string, word: string, count: number}} props */
function Choice({ value, now, word, count }) {
  return html`<a href=${`/inbox${withSearch(address.value.search, { kind: value || null })}`} aria-current=${value === now ? 'true' : undefined}>${word} <span class="count">${count}</span></a>`;
}

/** @param {{data: import('../../lib/alerts.d.ts').InboxAnswer | null, error: Error | null, shown: InboxMessage[], kind: string}} props */
function List({ data, error, shown, kind }) {
  if (!data) return error ? html`<${Failed} what="The inbox" error=${error} />` : html`<${Loading} what="the inbox" />`;
  if (!data.configured) return html`<${Empty} title="This monitor has no inbox" why="An inbox stands for PagerDuty, Slack and mail in a lab that is started by “watchfire up”. What real receivers answered stands in the history."><a href="/alerts/history">Alert history</a><//>`;
  if (shown.length === 0) return html`<${Empty} title=${data.messages.length === 0 ? 'No message yet' : 'Nothing to show'} why=${data.messages.length === 0 ? 'Nobody was told of anything since the lab was started.' : 'No message fits the filter.'} />`;
  if (kind === 'pagerduty') return html`<${Incidents} messages=${shown} />`;
  return html`${shown.slice(0, SHOWN_MAX).map((one, at) => html`<${Message} key=${one.received_at + at} one=${one} />`)}
    ${shown.length > SHOWN_MAX && html`<p class="muted">The newest ${SHOWN_MAX} of ${plural(shown.length, 'message')} are shown.</p>`}`;
}

/** @param {{one: InboxMessage}} props */
function Message({ one }) {
  const at = Date.parse(one.received_at);
  return html`<article class="message" aria-label=${`${KINDS[one.kind] ?? one.kind}: ${titleOf(one)}`}>
    <header class="message-head"><strong>${KINDS[one.kind] ?? one.kind}</strong>
      <time class="muted" title=${formatTime(at, utc.value)}>${formatAgo(at, clock.value)}</time></header>
    ${one.kind === 'pagerduty' && html`<${Incidents} messages=${[one]} />`}
    ${one.kind === 'slack' && html`<${Post} body=${one.body} at=${at} />`}
    ${one.kind === 'email' && html`<${Mail} body=${one.body} />`}
    ${(one.kind === 'webhook' || one.kind === 'watchdog') && html`<${Webhook} body=${one.body} />`}
    <details class="raw"><summary>As it was sent</summary><pre class="expr"><code>${JSON.stringify(one.body, null, 2)}</code></pre></details>
  </article>`;
}
