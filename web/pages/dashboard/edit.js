// Editing a panel: its queries, title, unit and thresholds, with the panel as it will be, written back to the dashboard's file.
import { html } from '../../lib/html.js';
import { useMemo, useState } from '../../vendor/preact/hooks.js';
import { changePanel } from '../../lib/client.js';
import { COLORS, UNITS, changesOf, draftOf, hasFields, thresholdProblem, withChanges } from '../../lib/paneledit.js';
import { resolveColor } from '../../lib/color.js';
import { Icon } from '../../shell/icons.js';
import { Sheet } from '../../shell/sheet.js';
import { theme } from '../../shell/theme.js';
import { useCheck } from '../explore/check.js';
import { Editor } from '../explore/editor.js';
import { sourceOf } from '../../lib/datasource.js';
import { interpolate } from '../../lib/interpolate.js';
import { Preview } from './preview.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('../../lib/types.d.ts').PanelJson} PanelJson */
/** @typedef {import('../../lib/paneledit.js').Draft} Draft */

/**
 * @typedef {object} EditProps
 * @property {Model} model
 * @property {PanelJson} panel
 * @property {string | null} readOnly why nothing can be written
 * @property {string | null} version of the file
 * @property {(changes: import('../../lib/paneledit.js').Changes, version: string) => void} onSaved
 * @property {() => void} onClose
 * @property {() => void} onReload
 */

/** @param {EditProps} props */
export function Edit({ model, panel, readOnly, version, onSaved, onClose, onReload }) {
  const before = useMemo(() => draftOf(panel), [panel]);
  const [draft, setDraft] = useState(before);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {{text: string, conflict: boolean} | null} */ (null));
  const changes = changesOf(before, draft);
  const next = useMemo(() => withChanges(panel, changes), [panel, JSON.stringify(changes)]);
  const wrong = thresholdProblem(draft.thresholds);
  const isSame = Object.keys(changes).length === 0;
  const save = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const answer = await changePanel(model.dashboard.uid, panel.sourceId ?? panel.id, { version: version ?? '', changes });
      onSaved(changes, answer.version);
    } catch (error) {
      const { message, status } = /** @type {import('../../lib/client.js').ApiError} */ (error);
      setProblem({ text: message, conflict: status === 409 });
      setBusy(false);
    }
  };
  const set = (/** @type {Partial<Draft>} */ part) => setDraft((now) => ({ ...now, ...part }));
  return html`<${Sheet} title=${`Edit ${before.title || 'panel'}`} wide onClose=${onClose}>
    ${readOnly && html`<p class="strip strip-warn" role="status">Read-only: ${readOnly}. You can try things out here, but not save them.</p>`}
    ${panel.sourceId !== undefined && html`<p class="strip" role="status">This panel is repeated for each value of ${Object.keys(panel.scopedVars ?? {}).map((name) => `$${name}`).join(' and ')}: a change is made to all copies.</p>`}
    <div class="edit">
      <div class="edit-preview"><${Preview} model=${model} panel=${next} /></div>
      <div class="edit-fields">
        ${draft.queries.map((query, i) => html`<${QueryField} key=${query.at} query=${query} model=${model} panel=${panel}
          onChange=${(/** @type {string} */ expr) => setDraft((now) => ({ ...now, queries: now.queries.map((one, k) => (k === i ? { ...one, expr } : one)) }))} />`)}
        <label class="edit-field">Title <input class="field" type="text" value=${draft.title} onInput=${(/** @type {any} */ event) => set({ title: event.target.value })} /></label>
        ${hasFields(panel) && html`<label class="edit-field">Unit <input class="field mono" type="text" list="units" placeholder="none" value=${draft.unit} onInput=${(/** @type {any} */ event) => set({ unit: event.target.value.trim() })} />
          <datalist id="units">${UNITS.map((unit) => html`<option key=${unit} value=${unit} />`)}</datalist></label>
          <${Thresholds} steps=${draft.thresholds} problem=${wrong} onChange=${(/** @type {Draft['thresholds']} */ thresholds) => set({ thresholds })} />`}
      </div>
    </div>
    <footer class="edit-foot">
      ${problem && html`<p class="typed-problem" role="alert">${problem.text} ${problem.conflict && html`<button type="button" class="button button-small" onClick=${onReload}>Load the file's dashboard</button>`}</p>`}
      <button type="button" class="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="button button-primary" disabled=${busy || isSame || wrong !== '' || readOnly !== null} onClick=${save}>Save to the file</button>
    </footer>
  <//>`;
}

/** @param {{query: Draft['queries'][number], model: Model, panel: PanelJson, onChange: (expr: string) => void}} props */
function QueryField({ query, model, panel, onChange }) {
  // The parser knows no variables: it is asked about the query as it will be sent.
  const target = panel.targets?.[query.at] ?? {};
  const language = sourceOf(target, panel, model.scope(panel)).language ?? 'promql';
  const sent = interpolate(query.expr, { ...BUILT_IN, ...model.scope(panel) }, language);
  const { error } = useCheck(sent, language);
  const place = sent === query.expr ? error : null;
  return html`<div class="edit-field"><span>Query ${query.refId}</span>
    <${Editor} value=${query.expr} label=${`Query ${query.refId}`} language=${language} error=${place} onChange=${onChange} onRun=${() => {}} />
    ${error && html`<span class="query-said query-wrong" role="alert"><${Icon} name="warn" /><span>${error.message}</span></span>`}</div>`;
}

/** What the page puts in where a query is sent; any length will do for the parser. */
const BUILT_IN = { __interval: '1m', __rate_interval: '1m', __range: '1h', __auto: '1m', __interval_ms: '60000', __range_s: '3600', __range_ms: '3600000' };

/** @param {{steps: Draft['thresholds'], problem: string, onChange: (steps: Draft['thresholds']) => void}} props */
function Thresholds({ steps, problem, onChange }) {
  const change = (/** @type {number} */ at, /** @type {any} */ part) => onChange(steps.map((step, i) => (i === at ? { ...step, ...part } : step)));
  const add = () => {
    const last = steps[steps.length - 1];
    onChange(last ? [...steps, { value: (last.value ?? 0) + 1, color: 'red' }] : [{ value: null, color: 'green' }, { value: 80, color: 'red' }]);
  };
  return html`<fieldset class="edit-field edit-steps"><legend>Thresholds</legend>
    ${steps.map((step, at) => html`<div key=${at} class="edit-step">
      <span class="edit-swatch" style=${`background:${resolveColor(step.color, theme.value)}`} />
      <select class="field" aria-label=${`Colour of step ${at + 1}`} value=${step.color} onChange=${(/** @type {any} */ event) => change(at, { color: event.target.value })}>
        ${[...new Set([...COLORS, step.color])].map((color) => html`<option key=${color} value=${color}>${color}</option>`)}</select>
      ${at === 0 ? html`<span class="muted">from the start</span>`
        : html`<input class="field mono" type="number" step="any" aria-label=${`From which value step ${at + 1} holds`} value=${step.value} onInput=${(/** @type {any} */ event) => change(at, { value: event.target.value === '' ? null : Number(event.target.value) })} />`}
      <button type="button" class="panel-button" aria-label=${`Remove step ${at + 1}`} title="Remove" disabled=${at === 0 && steps.length > 1} onClick=${() => onChange(steps.filter((_, i) => i !== at))}><${Icon} name="close" /></button>
    </div>`)}
    ${problem && html`<p class="typed-problem" role="alert">${problem}</p>`}
    <button type="button" class="button button-small" onClick=${add}><${Icon} name="plus" /> Add threshold</button>
  </fieldset>`;
}
