// One alerting rule: a line that opens to its expression, texts and active alerts.
import { html } from '../../lib/html.js';
import { useState } from '../../vendor/preact/hooks.js';
import { formatSeconds, formatValue, plural } from '../../lib/format.js';
import { formatDuration, formatTime } from '../../lib/time.js';
import { severityKind } from '../../shell/alerts.js';
import { clock, utc } from '../../shell/clock.js';
import { Icon, StateMark } from '../../shell/icons.js';
import { LabelChips } from '../../shell/labels.js';
import { RuleHistory } from './history.js';
import { alertOf } from '../../lib/told.js';
import { ToldOf } from './told.js';
import { whyLink } from './why.js';

/** @typedef {import('../../lib/types.d.ts').Rule} Rule */
/** @typedef {import('../../lib/types.d.ts').ActiveAlert} ActiveAlert */
/** @typedef {import('../../lib/types.d.ts').Told} Told */

/** Rows drawn of one rule's active alerts. */
const ALERTS_SHOWN_MAX = 200;

/** @param {Rule} rule @returns {{kind: 'ok' | 'warn' | 'crit' | 'none', word: string}} */
function stateOf(rule) {
  if (rule.state === 'firing') return { kind: severityKind(rule.labels?.severity), word: 'Firing' };
  if (rule.type === 'recording') return rule.health === 'err' ? { kind: 'crit', word: 'Failing' } : { kind: 'ok', word: 'Recording' };
  if (rule.state === 'pending') return { kind: 'none', word: 'Pending' };
  return { kind: 'ok', word: 'Inactive' };
}

/** @param {{rule: Rule, told: Told | null}} props */
export function RuleRow({ rule, told }) {
  const active = rule.alerts ?? [];
  const [chosen, setOpen] = useState(/** @type {boolean | null} */ (null));
  const open = chosen ?? (rule.state === 'firing' && rule.labels?.severity !== 'none');
  const state = stateOf(rule);
  const oldest = Math.min(...active.map((alert) => Date.parse(alert.activeAt)));
  return html`<div class="rule rule-${state.kind}">
    <button type="button" class="rule-line" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      <span class=${open ? 'twist twist-open' : 'twist'}><${Icon} name="right" /></span>
      <span class="rule-state"><${StateMark} kind=${state.kind} word=${state.word} /></span>
      <strong class="rule-name">${rule.name}</strong>
      <span class="rule-summary muted">${active.length > 0 ? `${plural(active.length, 'alert')}, oldest ${formatDuration(Math.max(0, clock.value - oldest))}` : ''}</span>
      ${rule.health === 'err' && html`<${StateMark} kind="crit" word="Evaluation fails" />`}
      <span class="rule-severity muted">${rule.labels?.severity ?? ''}</span>
    </button>
    ${open && html`<div class="rule-inside">
      ${rule.health === 'err' && html`<p class="target-error" role="alert">${rule.lastError}</p>`}
      <pre class="expr"><code>${rule.query}</code></pre>
      ${rule.type === 'alerting' && html`<${RuleHistory} name=${rule.name} />`}
      <p><a href=${`/explore?${new URLSearchParams({ expr: rule.query })}`}>Explore the expression</a></p>
      <${Facts} rule=${rule} />
      ${active.length > 0 && html`<${ActiveAlerts} alerts=${active} told=${told} />`}
    </div>`}
  </div>`;
}

/** @param {{rule: Rule}} props */
function Facts({ rule }) {
  const isAlert = rule.type === 'alerting';
  const waits = rule.duration ? `${formatDuration(rule.duration * 1000)} true before it fires` : 'fires at once';
  return html`<dl class="facts">
    ${isAlert && html`<div><dt>for</dt><dd>${waits}${rule.keepFiringFor ? `, keeps firing ${formatDuration(rule.keepFiringFor * 1000)}` : ''}</dd></div>`}
    ${Object.keys(rule.labels ?? {}).length > 0 && html`<div><dt>labels</dt><dd><${LabelChips} labels=${rule.labels} /></dd></div>`}
    ${Object.entries(rule.annotations ?? {}).map(([name, text]) => html`<div key=${name}><dt>${name}</dt><dd class="annotation">${linked(text)}</dd></div>`)}
    ${rule.evaluationTime !== undefined && html`<div><dt>evaluation</dt><dd>${formatSeconds(rule.evaluationTime)}</dd></div>`}
  </dl>`;
}

/** A text that is a web address becomes a link; templates stay text. @param {string} text */
function linked(text) {
  return /^https?:\/\/\S+$/.test(text) ? html`<a href=${text} target="_blank" rel="noreferrer">${text}</a>` : text;
}

/** @param {{alerts: ActiveAlert[], told: Told | null}} props */
function ActiveAlerts({ alerts, told }) {
  const sorted = [...alerts].sort((a, b) => Number(b.state === 'firing') - Number(a.state === 'firing') || Date.parse(a.activeAt) - Date.parse(b.activeAt));
  return html`<div class="table-scroll"><table class="table alerts-table">
    <thead><tr><th class="col-health">State</th><th>Labels</th><th class="col-told">Goes to</th><th class="number">Active for</th><th class="number">Value</th></tr></thead>
    <tbody>${sorted.slice(0, ALERTS_SHOWN_MAX).map((alert) => html`<${AlertRow} key=${JSON.stringify(alert.labels)} alert=${alert} told=${told} />`)}</tbody>
  </table></div>
  ${alerts.length > ALERTS_SHOWN_MAX && html`<p class="muted">The first ${ALERTS_SHOWN_MAX} of ${alerts.length} are shown.</p>`}`;
}

/** @param {{alert: ActiveAlert, told: Told | null}} props */
function AlertRow({ alert, told }) {
  const since = Date.parse(alert.activeAt);
  const firing = alert.state === 'firing';
  const kind = firing ? severityKind(alert.labels.severity) : 'none';
  return html`<tr>
    <td class="col-health"><${StateMark} kind=${kind} word=${firing ? 'Firing' : 'Pending'} /></td>
    <td><${LabelChips} labels=${alert.labels} without=${['alertname']} />
      ${alert.annotations.summary && html`<p class="alert-says">${alert.annotations.summary}</p>`}</td>
    <td class="col-told">${firing ? html`<${ToldOf} labels=${alert.labels} told=${told} />` : html`<span class="muted">nobody before it fires</span>`}
      ${firing && html`<a class="quiet-mark" href=${whyLink(alert.labels.alertname ?? '', alertOf(alert.labels, told)?.fingerprint)}>Why?</a>`}</td>
    <td class="number" data-name="active for" title=${`since ${formatTime(since, utc.value)}`}>${formatDuration(Math.max(0, clock.value - since))}</td>
    <td class="number" data-name="value" title=${alert.value}>${formatValue(alert.value)}</td>
  </tr>`;
}
