// The form of a silence: conditions, length, who and why, and before it is made, what it would silence now.
import { html } from '../../lib/html.js';
import { useState } from '../../vendor/preact/hooks.js';
import { fetchMatching, postSilence } from '../../lib/client.js';
import { formatCount, plural } from '../../lib/format.js';
import { LENGTHS, OPS, bodyOf, problemOf, rowText } from '../../lib/silences.js';
import { parseDuration, formatTime } from '../../lib/time.js';
import { go, params, setParams } from '../../shell/address.js';
import { clock, refreshNow, utc } from '../../shell/clock.js';
import { Icon, StateMark } from '../../shell/icons.js';
import { LabelChips } from '../../shell/labels.js';
import { useResource } from '../../shell/resource.js';
import { remember } from '../../shell/store.js';

/** @typedef {import('../../lib/silences.js').Draft} Draft */
/** @typedef {import('../../lib/silences.js').Row} Row */

/** Alerts of the preview that are drawn. */
const PREVIEW_MAX = 12;

/** @param {{start: Draft, title: string}} props */
export function SilenceForm({ start, title }) {
  const [draft, setDraft] = useState(start);
  const [error, setError] = useState('');
  const [tried, setTried] = useState(false);
  const problem = problemOf(draft);
  const change = (/** @type {Partial<Draft>} */ part) => {
    const next = { ...draft, ...part };
    setDraft(next);
    // What is new lives in the address, so that a link opens the same form for somebody else.
    if (params.peek().get('new') !== null) setParams({ m: next.rows.map(rowText), for: next.length, comment: next.comment || null }, { replace: true });
  };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setTried(true);
    if (problem !== '') return;
    try {
      remember('author', draft.by.trim());
      await postSilence(bodyOf(draft, Date.now()));
      go('/silences');
      refreshNow();
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
    }
  };
  const length = parseDuration(draft.length);
  return html`<form class="card silence-form" onSubmit=${submit} aria-label=${title}>
    <header class="card-head"><h2>${title}</h2><a class="button button-small card-facts" href="/silences">Close</a></header>
    <div class="silence-fields">
      <fieldset><legend>Alerts for which all of these hold</legend>
        ${draft.rows.map((row, at) => html`<${Condition} key=${at} row=${row} change=${(/** @type {Row | null} */ next) => change({ rows: draft.rows.flatMap((old, i) => (i === at ? (next ? [next] : []) : [old])) })} only=${draft.rows.length === 1} />`)}
        <button type="button" class="button button-small" onClick=${() => change({ rows: [...draft.rows, { name: '', op: '=', value: '' }] })}>Add a condition</button>
      </fieldset>
      <fieldset><legend>For how long</legend>
        <div class="silence-length"><input class="field" value=${draft.length} aria-label="Length" onInput=${(/** @type {any} */ e) => change({ length: e.target.value })} />
          <div class="segmented" role="group" aria-label="Lengths">${LENGTHS.map((one) => html`<button type="button" key=${one} aria-pressed=${draft.length === one} onClick=${() => change({ length: one })}>${one}</button>`)}</div></div>
        <p class="muted">${length ? `until ${formatTime(Math.max(clock.value, Date.parse(draft.startsAt) || 0) + length, utc.value)}` : ' '}</p>
      </fieldset>
      <fieldset><legend>Who and why</legend>
        <input class="field" value=${draft.by} placeholder="Your name" aria-label="Your name" autocomplete="name" onInput=${(/** @type {any} */ e) => change({ by: e.target.value })} />
        <input class="field" value=${draft.comment} placeholder="Why, for those who wonder later" aria-label="Why" onInput=${(/** @type {any} */ e) => change({ comment: e.target.value })} />
      </fieldset>
      <${Preview} rows=${draft.rows} />
      ${((tried && problem !== '') || error !== '') && html`<p class="typed-problem" role="alert">${error || problem}</p>`}
      <div><button class="button button-primary">${draft.id === '' ? 'Silence' : 'Save'}</button></div>
    </div>
  </form>`;
}

/** @param {{row: Row, change: (row: Row | null) => void, only: boolean}} props */
function Condition({ row, change, only }) {
  return html`<div class="condition">
    <input class="field mono" value=${row.name} placeholder="label" aria-label="Label" spellcheck=${false} autocapitalize="off" onInput=${(/** @type {any} */ e) => change({ ...row, name: e.target.value })} />
    <select class="field mono" value=${row.op} aria-label="Comparison" onChange=${(/** @type {any} */ e) => change({ ...row, op: e.target.value })}>${OPS.map((op) => html`<option key=${op} value=${op}>${op}</option>`)}</select>
    <input class="field mono" value=${row.value} placeholder="value" aria-label="Value" spellcheck=${false} autocapitalize="off" onInput=${(/** @type {any} */ e) => change({ ...row, value: e.target.value })} />
    <button type="button" class="button button-icon" disabled=${only} onClick=${() => change(null)} aria-label="Remove this condition" title="Remove"><${Icon} name="close" /></button>
  </div>`;
}

/** What these conditions would silence now. @param {{rows: Row[]}} props */
function Preview({ rows }) {
  const filter = rows.filter((row) => row.name.trim() !== '').map(rowText);
  const { data, error } = useResource((signal) => (filter.length === 0 ? Promise.resolve([]) : fetchMatching(filter, { signal })), filter.join('\n'));
  if (error) return html`<p class="preview typed-problem" role="status">${error.message}</p>`;
  if (!data) return html`<p class="preview muted" role="status">Looking…</p>`;
  if (data.length === 0) return html`<p class="preview muted" role="status">No alert that fires now would be silenced by this.</p>`;
  return html`<div class="preview" role="status"><p><strong>${plural(data.length, 'alert')}</strong> that ${data.length === 1 ? 'fires' : 'fire'} now would be silenced:</p>
    <ul>${data.slice(0, PREVIEW_MAX).map((alert) => html`<li key=${alert.fingerprint}><${StateMark} kind=${alert.labels.severity === 'critical' ? 'crit' : 'warn'} word=${alert.labels.alertname ?? ''} /> <${LabelChips} labels=${alert.labels} without=${['alertname']} /></li>`)}
    ${data.length > PREVIEW_MAX && html`<li class="muted">and ${formatCount(data.length - PREVIEW_MAX)} more</li>`}</ul></div>`;
}
