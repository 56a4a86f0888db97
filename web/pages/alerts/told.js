// Who was told: the last messages and what receivers answered, and for one alert where it goes.
import { html } from '../../lib/html.js';
import { alertOf, answerText, groupLabels, hasReceivers, quietWords, rowsOf, tellingsOf } from '../../lib/told.js';
import { plural } from '../../lib/format.js';
import { formatAgo, formatDuration, formatTime } from '../../lib/time.js';
import { clock, utc } from '../../shell/clock.js';
import { StateMark } from '../../shell/icons.js';
import { LabelChips } from '../../shell/labels.js';
import { Failed, Loading } from '../../shell/notice.js';

/** @typedef {import('../../lib/types.d.ts').Told} Told */

/** Messages drawn; older ones are history. */
const SHOWN_MAX = 30;

/** @param {{told: Told | null, error: Error | null, isFiring: boolean}} props */
export function ToldCard({ told, error, isFiring }) {
  return html`<section class="card" aria-labelledby="told">
    <header class="card-head"><h2 id="told">Who was told</h2>
      ${told && hasReceivers(told) && html`<span class="muted card-facts">${plural(told.receivers.length, 'receiver')}: ${told.receivers.join(', ')}</span>`}
    </header>
    ${told ? html`<${Messages} told=${told} isFiring=${isFiring} />` : html`<div class="card-padded">${error ? html`<${Failed} what="Notifications" error=${error} />` : html`<${Loading} what="notifications" rows=${2} />`}</div>`}
  </section>`;
}

/** @param {{told: Told, isFiring: boolean}} props */
function Messages({ told, isFiring }) {
  const list = rowsOf(told.notifications);
  if (list.length === 0) return html`<p class="muted card-padded" role="status">${whyNone(told, isFiring)}</p>`;
  return html`<div class="table-scroll"><table class="table told-table">
    <thead><tr><th>When</th><th>Receiver</th><th>Message</th><th>About</th><th>Answer</th></tr></thead>
    <tbody>${list.slice(0, SHOWN_MAX).map((one) => html`<${Message} key=${one.at + one.receiver + one.group} one=${one} />`)}</tbody>
  </table></div>
  ${list.length > SHOWN_MAX && html`<p class="muted card-note">The newest ${SHOWN_MAX} of ${list.length} are shown.</p>`}`;
}

/** @param {Told} told @param {boolean} isFiring */
function whyNone(told, isFiring) {
  const { receivers } = told;
  if (!hasReceivers(told)) return 'Nobody is told: the monitor runs without an alertmanager.yml. Alerts are shown here only.';
  if (isFiring) return `Nothing was sent yet. Messages wait a moment so that alerts that belong together arrive together; they go to ${receivers.join(', ')}.`;
  return `Nothing was sent since the monitor started: no alert has fired. Messages will go to ${receivers.join(', ')}.`;
}

/** @param {{one: import('../../lib/told.js').Row}} props */
function Message({ one }) {
  const at = Date.parse(one.at);
  const labels = groupLabels(one.group);
  return html`<tr class=${one.error === null ? '' : 'told-failed'}>
    <td class="nowrap" title=${formatTime(at, utc.value)}>${formatAgo(at, clock.value)}</td>
    <td class="nowrap">${one.receiver} <span class="muted">${one.integration}</span></td>
    <td class="nowrap"><span class="told-counts">${one.firing > 0 && html`<${StateMark} kind="crit" word=${`${one.firing} firing`} />`}
      ${one.resolved > 0 && html`<${StateMark} kind="ok" word=${`${one.resolved} resolved`} />`}</span></td>
    <td>${labels ? html`<${LabelChips} labels=${labels} />` : html`<span class="mono">${one.group}</span>`}</td>
    <td class="told-answer">${one.error === null
      ? html`<span class="muted nowrap">${answerText(one)}</span>`
      : html`<span class="told-error"><${StateMark} kind="crit" word="Not told" /> ${answerText(one)}${one.times > 1 ? `; ${one.times} times since ${formatTime(Date.parse(one.firstAt), utc.value).slice(-8)}` : ''}</span>`}</td>
  </tr>`;
}

/** Where one firing alert goes and when that was last said. @param {{labels: import('../../lib/types.d.ts').Labels, told: Told | null}} props */
export function ToldOf({ labels, told }) {
  if (!told) return null;
  if (!hasReceivers(told)) return html`<span class="muted">nobody: no alertmanager.yml</span>`;
  const list = tellingsOf(labels, told);
  if (list.length === 0) return html`<span class="muted">not handed on yet</span>`;
  const alert = alertOf(labels, told);
  const quiet = quietWords(alert);
  if (quiet !== '') return html`<span class="told-one"><${StateMark} kind="none" word=${quiet} /></span>`;
  const ack = alert?.ack;
  return html`${ack && html`<span class="told-one"><${StateMark} kind="none" word=${`${ack.by} has it`} /></span>`}${list.map(({ receiver, nextMs, last, failed }) => html`<span key=${receiver} class="told-one">
    <span class="told-receiver">${receiver}</span>
    ${last && html`<span class="muted" title=${formatTime(Date.parse(last.at), utc.value)}>told ${formatAgo(Date.parse(last.at), clock.value)}</span>`}
    ${failed && html`<span class="told-error" title=${answerText(failed)}><${StateMark} kind="crit" word=${last ? 'last try failed' : 'not told'} /></span>`}
    ${!last && !failed && html`<span class="muted">first message in ${formatDuration(Math.max(1000, nextMs))}</span>`}
  </span>`)}`;
}
