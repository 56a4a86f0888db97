// What each panel on the screen asks for over a range, and by what one knows whether that has been asked already.
import { ANNOTATIONS_ID } from '../../lib/annotations.js';
import { panelRange, planTargets } from '../../lib/frames.js';
import { findPanel } from '../../lib/layout.js';
import { rangeText, urge, utc } from '../../shell/clock.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('../../lib/types.d.ts').PanelJson} PanelJson */
/** @typedef {import('../../lib/types.d.ts').Plan} Plan */
/** @typedef {import('../../lib/types.d.ts').Range} Range */
/** @typedef {{panel: PanelJson, plan: Plan, asked: string, own: Range}} Wanted `own`: the range of this panel */

/** Widths within this many px ask for the same points, so that a scroll bar does not cause a query. */
const WIDTH_GRAIN_PX = 32;

/** What all panels of a page are asked about besides the moment. Reads signals. @param {Model} model */
export const questionOf = (model) => JSON.stringify([rangeText.value, utc.value, model.values.value, urge.value, [...model.flipped.value]]);

/** Whose data is wanted, and how wide each is; with them the one that asks for annotations. @param {Model} model @param {Map<number, number>} shown @returns {[PanelJson, number][]} */
export function panelsOnScreen(model, shown) {
  const panels = [...shown].flatMap(([id, width]) => {
    const panel = findPanel(model.panels.peek(), id);
    return panel ? [/** @type {[PanelJson, number]} */ ([panel, width])] : [];
  });
  return model.annotations.length > 0 && panels.length > 0 ? [...panels, [model.marker.peek(), 0]] : panels;
}

/** Whether a panel is there to be looked at; the one of annotations asks for others. @param {PanelJson} panel */
export const isDrawn = (panel) => panel.id !== ANNOTATIONS_ID;

/** @param {string} question @param {number} width */
export const questionAt = (question, width) => `${question} ${Math.round(width / WIDTH_GRAIN_PX)} `;

/** @param {string} question @param {number} width @param {Range} now */
export const askedAt = (question, width, now) => `${questionAt(question, width)}${now.from} ${now.to}`;

/** @param {Model} model @param {PanelJson} panel @param {Range} now */
export function ownRange(model, panel, now) {
  const { from, to } = panelRange(panel, now, model.scope(panel));
  return { from, to };
}

/** @param {Model} model @param {PanelJson} panel @param {number} width @param {Range} now @param {string} question @returns {Wanted} */
export function wantedOf(model, panel, width, now, question) {
  const own = ownRange(model, panel, now);
  const variables = model.scope(panel);
  const plan = planTargets(panel, { ...own, widthPx: width, variables, scrapeIntervalMs: model.scrapeIntervalMs, ...(utc.peek() ? { utcOffsetMs: 0 } : {}) });
  return { panel, plan, asked: askedAt(question, width, now), own };
}
