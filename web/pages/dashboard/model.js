// The state of one open dashboard: its variables, which rows are shut, which panels are on the screen, and their data.
import { computed, signal } from '../../vendor/signals/signals.js';
import { annotationPanel, annotationsOf } from '../../lib/annotations.js';
import { globalVariables, inputsOf } from '../../lib/globals.js';
import { expandRepeats } from '../../lib/repeat.js';
import { provisional, valueOf } from '../../lib/variables.js';
import { range, rangeText } from '../../shell/clock.js';

/** @typedef {import('../../lib/types.d.ts').DashboardJson} DashboardJson */
/** @typedef {import('../../lib/types.d.ts').PanelJson} PanelJson */
/** @typedef {import('../../lib/types.d.ts').TargetResult} TargetResult */
/** @typedef {import('../../lib/types.d.ts').Target} Target */
/** @typedef {import('../../lib/types.d.ts').Range} Range */
/** @typedef {import('../../lib/types.d.ts').Variable} Variable */
/** @typedef {import('../../lib/types.d.ts').VariableValue} VariableValue */

/**
 * @typedef {object} PanelData
 * @property {any} frames what the panel draws; null before the first answer
 * @property {TargetResult[]} results the answers as they came, for the inspector
 * @property {Target[]} targets what was asked
 * @property {Range | null} range that the frames are of
 * @property {boolean} asking
 * @property {string | null} error why the newest try failed
 * @property {string} asked what the newest try was about, to know when to ask again
 */

/**
 * @template T
 * @typedef {import('../../vendor/signals/signals.js').Signal<T>} Signal
 */

/**
 * @typedef {object} Model
 * @property {DashboardJson} dashboard
 * @property {import('../../vendor/signals/signals.js').ReadonlySignal<PanelJson[]>} panels with the copies that `repeat` makes
 * @property {Signal<Variable[]>} variables before they are resolved: as the address and the file name them
 * @property {Signal<Record<string, VariableValue> | null>} values the same as expressions see them; null until resolved
 * @property {import('../../vendor/signals/signals.js').ReadonlySignal<Record<string, VariableValue>>} texts for titles, which do not wait
 * @property {Signal<Map<number, boolean>>} closed rows the reader shut or opened
 * @property {Signal<Map<number, number>>} shown width in px of each panel on the screen
 * @property {Signal<{t: number | null}>} hover time under the pointer, shared by all panels
 * @property {'none' | 'line' | 'values'} sharing what panels show where the pointer is in another one: nothing, a line, the values there too
 * @property {Signal<number | null>} focus the panel under the pointer or with the focus
 * @property {number} scrapeIntervalMs
 * @property {(id: number) => Signal<PanelData>} data
 * @property {any[]} annotations of the file, those that ask something
 * @property {Signal<ReadonlySet<string>>} flipped names of annotations that the reader switched on or off
 * @property {import('../../vendor/signals/signals.js').ReadonlySignal<PanelJson>} marker the panel that asks for annotations
 * @property {(panel?: {scopedVars?: Record<string, VariableValue>} | null) => import('../../lib/interpolate.js').Variables} scope every variable
 *   that texts and queries of a panel may name, as they are now
 */

/** @type {PanelData} */
const NOTHING = { frames: null, results: [], targets: [], range: null, asking: false, error: null, asked: '' };

/**
 * @param {DashboardJson} dashboard
 * @param {number} scrapeIntervalMs
 * @param {URLSearchParams} inAddress
 * @returns {Model}
 */
export function createModel(dashboard, scrapeIntervalMs, inAddress) {
  const first = (dashboard.templating?.list ?? []).map((raw) => provisional(raw, inAddress.getAll(`var-${raw?.name}`)));
  const variables = signal(first);
  const values = signal(/** @type {Record<string, VariableValue> | null} */ (null));
  /** @type {Map<number, Signal<PanelData>>} */
  const data = new Map();
  const texts = computed(() => values.value ?? Object.fromEntries(variables.value.map((variable) => [variable.name, valueOf(variable)])));
  const annotations = annotationsOf(dashboard);
  const flipped = signal(/** @type {ReadonlySet<string>} */ (new Set()));
  const inputs = inputsOf(dashboard);
  return {
    dashboard,
    annotations,
    flipped,
    marker: computed(() => /** @type {any} */ (annotationPanel(annotations, flipped.value))),
    scope: (panel) => ({ ...inputs, ...globalVariables(dashboard, range.peek(), rangeText.value, texts.value), ...texts.value, ...panel?.scopedVars }),
    panels: computed(() => expandRepeats(dashboard.panels, variables.value)),
    scrapeIntervalMs,
    variables,
    values,
    texts,
    closed: signal(new Map()),
    shown: signal(new Map()),
    hover: signal({ t: /** @type {number | null} */ (null) }),
    sharing: dashboard.graphTooltip === 2 ? 'values' : dashboard.graphTooltip === 1 ? 'line' : 'none',
    focus: signal(/** @type {number | null} */ (null)),
    data: (id) => {
      const found = data.get(id) ?? signal(NOTHING);
      data.set(id, found);
      return found;
    },
  };
}
