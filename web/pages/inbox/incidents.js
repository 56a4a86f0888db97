// PagerDuty: events of one key are one incident, triggered or resolved.
import { html } from '../../lib/html.js';
import { plural } from '../../lib/format.js';
import { incidentsOf } from '../../lib/messages.js';
import { formatTime } from '../../lib/time.js';
import { utc } from '../../shell/clock.js';
import { StateMark } from '../../shell/icons.js';

/** @param {{messages: import('../../lib/alerts.d.ts').InboxMessage[]}} props */
export function Incidents({ messages }) {
  return incidentsOf(messages).map((incident) => html`<section class=${incident.open ? 'incident incident-open' : 'incident'} key=${incident.key}>
    <header class="incident-head">
      <${StateMark} kind=${incident.open ? 'crit' : 'ok'} word=${incident.open ? 'Triggered' : 'Resolved'} />
      <strong class="incident-title">${incident.payload.summary}</strong>
      <span class="muted">${incident.payload.severity}</span>
    </header>
    <dl class="facts">
      <div><dt>service</dt><dd>${incident.payload.source ?? ''}</dd></div>
      <div><dt>opened</dt><dd>${formatTime(Date.parse(incident.first), utc.value)}${incident.events > 1 ? `, ${plural(incident.events, 'event')}` : ''}</dd></div>
      <div><dt>key</dt><dd class="mono incident-key">${incident.key}</dd></div>
      ${incident.clientUrl && html`<div><dt>view in</dt><dd><a href=${safe(incident.clientUrl)} target="_blank" rel="noreferrer">${incident.client || incident.clientUrl}</a></dd></div>`}
      ${incident.links.map((link) => html`<div key=${link.href}><dt>link</dt><dd><a href=${safe(link.href)} target="_blank" rel="noreferrer">${link.text || link.href}</a></dd></div>`)}
    </dl>
    <${Details} details=${incident.payload.custom_details ?? {}} />
  </section>`);
}

/** @param {{details: Record<string, unknown>}} props */
function Details({ details }) {
  const shown = Object.entries(details).filter(([, value]) => value !== '' && value !== '0');
  if (shown.length === 0) return null;
  return html`<details class="raw"><summary>Custom details</summary><dl class="facts">
    ${shown.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="annotation">${typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</dd></div>`)}
  </dl></details>`;
}

/** Links of a message lead to pages, nowhere else. @param {string} href */
export function safe(href) {
  return /^https?:/.test(href) ? href : undefined;
}
