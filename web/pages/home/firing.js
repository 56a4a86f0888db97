// The alerts that fire, worst first, with since when and who was told.
import { html } from '../../lib/html.js';
import { fetchNotifications } from '../../lib/client.js';
import { formatDuration, formatTime } from '../../lib/time.js';
import { alerts, alertsError, firing, severityKind } from '../../shell/alerts.js';
import { clock, utc } from '../../shell/clock.js';
import { StateMark } from '../../shell/icons.js';
import { Failed, Loading } from '../../shell/notice.js';
import { useResource } from '../../shell/resource.js';
import { ToldOf } from '../alerts/told.js';

/** Longer lists belong on the alerts page. */
const SHOWN_MAX = 8;

export function FiringList() {
  const { data: told } = useResource((signal) => fetchNotifications({ signal }));
  if (alerts.value === null && alertsError.value) return html`<${Failed} what="Alerts" error=${alertsError.value} />`;
  if (alerts.value === null) return html`<${Loading} what="alerts" rows=${3} />`;
  const list = firing.value;
  const pending = alerts.value.filter((alert) => alert.state === 'pending').length;
  if (list.length === 0) {
    return html`<div class="all-well"><${StateMark} kind="ok" word="Nothing fires" />
      ${pending > 0 && html`<a href="/alerts?state=pending">${pending} pending</a>`}</div>`;
  }
  return html`<ul class="link-list">${list.slice(0, SHOWN_MAX).map((alert) => html`<${FiringRow} key=${JSON.stringify(alert.labels)} alert=${alert} told=${told} />`)}
    ${list.length > SHOWN_MAX && html`<li class="link-more"><a href="/alerts?state=firing">All ${list.length}</a></li>`}</ul>`;
}

/** @param {{alert: import('../../lib/types.d.ts').ActiveAlert, told: import('../../lib/types.d.ts').Told | null}} props */
function FiringRow({ alert, told }) {
  const { alertname, severity, instance, job } = alert.labels;
  const since = Date.parse(alert.activeAt);
  return html`<li><a href=${`/alerts?state=firing&q=${encodeURIComponent(alertname ?? '')}`}>
    <span class="link-name">${alertname}<span class="firing-severity"><${StateMark} kind=${severityKind(severity)} word=${severity ?? 'no severity'} /></span></span>
    <span class="muted link-says">${alert.annotations.summary ?? [job, instance].filter(Boolean).join(' · ')}</span>
    <span class="firing-told"><${ToldOf} labels=${alert.labels} told=${told} /></span>
    <span class="firing-since" title=${formatTime(since, utc.value)}>for ${formatDuration(Math.max(0, clock.value - since))}</span>
  </a></li>`;
}
