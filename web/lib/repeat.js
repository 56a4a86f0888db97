// Panels and rows that are repeated for each value of a variable. Every copy carries the one value it stands for in
// `scopedVars`; what lies below moves down. Pure.
//
// The panels are cut into sections (a row and what follows it), each section is repeated as its row says, and inside
// each copy the panels are repeated as they say. Places are counted anew from the top, section by section.
import { ALL } from './variables.js';

/** @typedef {import('./types.d.ts').PanelJson} PanelJson */
/** @typedef {import('./types.d.ts').Variable} Variable */
/** @typedef {Record<string, import('./types.d.ts').VariableValue>} Scope */

const COLUMNS = 24;

/** Copies side by side when the file does not say. */
const PER_ROW_DEFAULT = 4;

/** More copies than this make no page anyone reads; the rest is left out. */
const COPIES_MAX = 100;

/** Ids of copies start here, above any that a file has. */
const COPY_ID = 1_000_000;

/**
 * @param {PanelJson[]} panels
 * @param {Variable[]} variables
 * @returns {PanelJson[]} the same list when nothing is repeated
 */
export function expandRepeats(panels, variables) {
  if (!panels.some((panel) => panel.repeat || panel.panels?.some((child) => child.repeat))) return panels;
  const maker = { next: COPY_ID, variables };
  /** @type {PanelJson[]} */
  const out = [];
  let y = 0;
  for (const { row, members } of sections(panels)) {
    for (const [copy, scope] of scopes(row?.repeat, variables, {}).entries()) {
      const inner = members.length > 0 ? copies(members, scope, maker, copy > 0) : [];
      const top = Math.min(...inner.map((panel) => panel.gridPos.y));
      const start = row ? y + 1 : y;
      const moved = inner.map((panel) => ({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y - top + start } }));
      const holds = row && (row.panels ?? []).length > 0;
      if (row) out.push({ ...clone(row, scope, maker, copy > 0), gridPos: { x: 0, y, w: COLUMNS, h: 1 }, panels: holds ? moved : [] });
      if (!holds) out.push(...moved);
      y = holds ? y + 1 : Math.max(start, ...moved.map((panel) => panel.gridPos.y + panel.gridPos.h));
    }
  }
  return out;
}

/** @param {PanelJson[]} panels @returns {{row: PanelJson | null, members: PanelJson[]}[]} */
function sections(panels) {
  /** @type {{row: PanelJson | null, members: PanelJson[]}[]} */
  const out = [{ row: null, members: [] }];
  for (const panel of inOrder(panels)) {
    if (panel.type === 'row') out.push({ row: panel, members: [...(panel.panels ?? [])] });
    else if ((out[out.length - 1].row?.panels ?? []).length > 0) out.push({ row: null, members: [panel] });
    else out[out.length - 1].members.push(panel);
  }
  return out.filter(({ row, members }) => row || members.length > 0);
}

/** @param {PanelJson[]} panels */
const inOrder = (panels) => [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);

/** One scope a chosen value; a single one, unchanged, when there is nothing to repeat by. @param {unknown} repeat @param {Variable[]} variables @param {Scope} outer @returns {Scope[]} */
function scopes(repeat, variables, outer) {
  const variable = variables.find((one) => one.name === repeat);
  const chosen = variable?.selected.includes(ALL) ? variable.options : variable?.options.filter((option) => variable.selected.includes(option.value));
  if (!variable || !chosen || chosen.length === 0) return [outer];
  return chosen.slice(0, COPIES_MAX).map(({ text, value }) => ({
    ...outer, [variable.name]: { value, text, multi: false, includeAll: false, allValue: null, options: variable.options },
  }));
}

/**
 * @param {PanelJson[]} members
 * @param {Scope} scope
 * @param {{next: number, variables: Variable[]}} maker
 * @param {boolean} fresh whether all of them need new ids
 */
function copies(members, scope, maker, fresh) {
  /** @type {{bottom: number, extra: number}[]} */
  const pushes = [];
  /** @type {PanelJson[]} */
  const out = [];
  for (const panel of inOrder(members)) {
    const all = scopes(panel.repeat, maker.variables, scope);
    const y = panel.gridPos.y + pushes.reduce((sum, push) => sum + (push.bottom <= panel.gridPos.y ? push.extra : 0), 0);
    const repeated = panel.repeat && all[0] !== scope;
    const places = repeated ? spots(panel, all.length) : [{ x: panel.gridPos.x, down: 0, w: panel.gridPos.w }];
    all.forEach((own, at) => {
      const { x, down, w } = places[at];
      out.push({ ...clone(panel, own, maker, fresh || at > 0), gridPos: { x, y: y + down, w, h: panel.gridPos.h } });
    });
    const extra = Math.max(...places.map((place) => place.down));
    if (extra > 0) pushes.push({ bottom: panel.gridPos.y + panel.gridPos.h, extra });
  }
  return out;
}

/** Where copies go: beside each other and wrapping, or below each other. @param {PanelJson} panel @param {number} count */
function spots(panel, count) {
  const { x, w, h } = panel.gridPos;
  if (panel.repeatDirection === 'v') return Array.from({ length: count }, (_, at) => ({ x, down: at * h, w }));
  const width = Math.floor(Math.max(COLUMNS / count, COLUMNS / (Number(panel.maxPerRow) || PER_ROW_DEFAULT)));
  const perRow = Math.max(1, Math.floor(COLUMNS / width));
  return Array.from({ length: count }, (_, at) => ({ x: (at % perRow) * width, down: Math.floor(at / perRow) * h, w: width }));
}

/** @param {PanelJson} panel @param {Scope} scope @param {{next: number}} maker @param {boolean} fresh @returns {PanelJson} */
function clone(panel, scope, maker, fresh) {
  const id = fresh ? maker.next++ : panel.id;
  return Object.keys(scope).length > 0 ? { ...panel, id, sourceId: panel.id, scopedVars: scope } : { ...panel, id };
}
