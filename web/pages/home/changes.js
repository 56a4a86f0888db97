// What changed in the last hours: the first question when something broke.
import { html } from '../../lib/html.js';
import { formatAgo, formatTime } from '../../lib/time.js';
import { clock, utc } from '../../shell/clock.js';

/** Older ones are history. */
const SHOWN_MAX = 6;

/** Names in a line; the rest is counted. */
const NAMED_MAX = 6;

/** @param {{changes: import('../../lib/changes.js').Change[]}} props */
export function Changes({ changes }) {
  if (changes.length === 0) return html`<p class="muted">Nothing started, was reloaded or has another version in the last 6 hours.</p>`;
  return html`<ul class="link-list changes">${changes.slice(0, SHOWN_MAX).map((change) => html`<li key=${change.text + change.at} class="change">
    <span class="link-name">${change.text}</span>
    <span class="muted nowrap" title=${change.at === null ? '' : formatTime(change.at, utc.value)}>${change.at === null ? 'in the last 6 h' : formatAgo(change.at, clock.value)}</span>
    ${change.names.length > 1 && html`<span class="muted change-names">${change.names.slice(0, NAMED_MAX).join(', ')}${change.names.length > NAMED_MAX ? ` and ${change.names.length - NAMED_MAX} more` : ''}</span>`}
  </li>`)}</ul>`;
}
