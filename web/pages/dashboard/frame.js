// The frame of a panel: title, description, what is under way or went wrong, menu; the drawing inside is panels/.
import { html } from '../../lib/html.js';
import { useErrorBoundary, useMemo, useState } from '../../vendor/preact/hooks.js';
import { Panel } from '../../panels/index.js';
import { csvOf } from '../../lib/tables.js';
import { ANNOTATIONS_ID, marksFor, marksOf } from '../../lib/annotations.js';
import { panelRange } from '../../lib/frames.js';
import { placedError, whyEmpty } from '../../lib/why.js';
import { interpolate } from '../../lib/interpolate.js';
import { resolveLinks } from '../../lib/links.js';
import { dragged, pinned } from '../../lib/ranges.js';
import { parseRich } from '../../lib/richtext.js';
import { toElement } from '../../panels/text.js';
import { address, go, params, setParams } from '../../shell/address.js';
import { range, setRange, utc } from '../../shell/clock.js';
import { Icon } from '../../shell/icons.js';
import { Popover } from '../../shell/popover.js';
import { lostSince } from '../../shell/reach.js';
import { theme } from '../../shell/theme.js';
import { saveFile } from '../../panels/save.js';
import { exploreLink } from './explorelink.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./model.js').PanelData} PanelData */
/** @typedef {import('../../lib/types.d.ts').PanelJson} PanelJson */
/** @typedef {import('../../lib/types.d.ts').PanelState} PanelState */
/** @typedef {import('../../lib/layout.js').Rect} Rect */

/** @param {number} from @param {number} to */
function zoom(from, to) {
  setRange(pinned(dragged(from, to)));
}

/** @param {{model: Model, panel: PanelJson, rect: Rect, hidden: boolean}} props hidden: on the page, but not on the screen */
export function PanelFrame({ model, panel, rect, hidden }) {
  const data = model.data(panel.id).value;
  const variables = model.scope(panel);
  const title = interpolate(panel.title ?? '', variables);
  const { note } = panelRange(panel, range.peek(), variables);
  const links = resolveLinks(panel.links, variables);
  const focus = () => {
    model.focus.value = panel.id;
  };
  const bare = `${panel.transparent === true ? ' panel-bare' : ''}${title === '' ? ' panel-untitled' : ''}`;
  const style = `left:${rect.left}px;top:${rect.top}px;width:${rect.width}px;height:${rect.height}px`;
  return html`<section class=${`panel${bare}`} style=${style} tabindex="0" aria-label=${title || `Panel ${panel.id}`} data-panel=${panel.id}
      data-state=${stateOf(data).kind} onPointerEnter=${focus} onFocusIn=${focus}>
    <header class="panel-head">
      <h3 class="panel-title" title=${title}>${title}</h3>
      ${note && html`<span class="panel-range">${note}</span>`}
      ${(panel.description || links.length > 0) && html`<${Description} text=${interpolate(panel.description ?? '', variables)} links=${links} />`}
      <${Corner} data=${data} />
      <${Menu} model=${model} panel=${panel} title=${title} links=${links} />
    </header>
    <div class="panel-inside">${!hidden && html`<${Inside} model=${model} panel=${panel} data=${data} />`}</div>
  </section>`;
}

/** @param {PanelData} data @returns {PanelState} */
function stateOf({ frames, error, results }) {
  const why = frames?.state?.kind === 'empty' ? whyEmpty(results, utc.value) : null;
  if (why) return { kind: 'empty', message: why };
  const placed = frames?.state?.kind === 'error' ? placedError(results) : null;
  if (placed) return { kind: 'error', message: placed };
  if (frames) return frames.state ?? { kind: 'ok', message: '' };
  return error ? { kind: 'error', message: error } : { kind: 'loading', message: 'Loading' };
}

/** @param {{model: Model, panel: PanelJson, data: PanelData}} props one panel that cannot draw must not take the page with it */
function Inside({ model, panel, data }) {
  const [failure] = useErrorBoundary();
  if (failure) return html`<div class="panel-broken" role="alert"><strong>This panel could not be drawn</strong><span>${String(failure.message ?? failure)}</span></div>`;
  const shown = data.range ?? range.value;
  const marks = useMarks(model, panel);
  return html`<${Panel} panel=${panel} frames=${data.frames} state=${stateOf(data)} timeRange=${{ ...shown, utc: utc.value }} theme=${theme.value}
    onZoom=${zoom} hover=${model.sharing === 'none' ? undefined : model.hover} sharesValues=${model.sharing === 'values'} variables=${model.scope(panel)} marks=${marks} />`;
}

/** What is marked on this panel; the same list while the answer is. @param {Model} model @param {PanelJson} panel */
function useMarks(model, panel) {
  const { frames } = model.data(ANNOTATIONS_ID).value;
  return useMemo(() => (frames && model.annotations.length > 0 ? marksFor(marksOf(model.annotations, frames, model.scope(null)), model.annotations, panel.id) : []), [frames, panel.id]);
}

/** @param {{data: PanelData}} props a sign that appears only when an answer takes its time, and a mark when the newest try failed */
function Corner({ data }) {
  // The body says it already when nothing could be drawn, and the banner when the monitor is gone.
  const said = stateOf(data).kind === 'error' || lostSince.value !== null;
  if (data.error && !said) {
    return html`<span class="corner corner-error" role="status" title=${data.error}><${Icon} name="warn" /><span class="visually-hidden">${data.error}</span></span>`;
  }
  const warnings = data.frames?.warnings ?? [];
  if (data.asking) return html`<span class="corner corner-busy" role="status" aria-label="Loading" />`;
  if (warnings.length > 0) return html`<span class="corner corner-warn" title=${warnings.join('\n')}><${Icon} name="warn" /><span class="visually-hidden">${warnings.join('; ')}</span></span>`;
  return null;
}

/** @param {{text: string, links: import('../../lib/links.js').Link[]}} props */
function Description({ text, links }) {
  const [open, setOpen] = useState(false);
  return html`<${Popover} open=${open} onToggle=${setOpen} align="start" label="About this panel" className="panel-button panel-info" button=${html`<${Icon} name="info" />`}>
    <div class="panel-about panel-text" tabindex="-1">${parseRich(text).map(toElement)}
      ${links.map((link) => html`<p key=${link.href}><a href=${link.href} target=${link.blank ? '_blank' : undefined} rel="noopener noreferrer">${link.title}</a></p>`)}</div><//>`;
}

/** Opens or leaves the full screen of a panel. @param {number} id */
export function flipView(id) {
  const now = params.peek().get('viewPanel');
  setParams({ viewPanel: now === String(id) ? null : String(id) });
}

/** @param {{model: Model, panel: PanelJson, title: string, links: import('../../lib/links.js').Link[]}} props */
function Menu({ model, panel, title, links }) {
  const [open, setOpen] = useState(false);
  const isFull = params.value.get('viewPanel') === String(panel.id);
  const act = (/** @type {() => void} */ run) => () => {
    setOpen(false);
    run();
  };
  const csv = () => saveFile(`${title || `panel-${panel.id}`}.csv`, 'text/csv', csvOf(model.data(panel.id).peek().results));
  return html`<${Popover} open=${open} onToggle=${setOpen} role="menu" label="Panel menu" className="panel-button" button=${html`<${Icon} name="menu" />`}>
    <div class="menu">
      <button type="button" role="menuitem" onClick=${act(() => flipView(panel.id))}><span class="menu-icon"><${Icon} name="expand" /></span><span class="menu-text">${isFull ? 'Leave full screen' : 'Full screen'}</span><kbd>f</kbd></button>
      <button type="button" role="menuitem" onClick=${act(() => go(exploreLink(model.data(panel.id).peek(), address.peek().search)))}><span class="menu-icon"><${Icon} name="explore" /></span><span class="menu-text">Explore</span><kbd>e</kbd></button>
      <button type="button" role="menuitem" onClick=${act(() => setParams({ editPanel: String(panel.id) }))}><span class="menu-icon"><${Icon} name="edit" /></span><span class="menu-text">Edit</span></button>
      <button type="button" role="menuitem" onClick=${act(() => setParams({ inspect: String(panel.id) }))}><span class="menu-icon"><${Icon} name="table" /></span><span class="menu-text">Inspect data and queries</span><kbd>i</kbd></button>
      <button type="button" role="menuitem" onClick=${act(csv)}><span class="menu-icon"><${Icon} name="download" /></span><span class="menu-text">Save data as CSV</span></button>
      ${links.map((link) => html`<a key=${link.href} role="menuitem" href=${link.href} target=${link.blank ? '_blank' : undefined} rel="noopener noreferrer"><span class="menu-icon"><${Icon} name="right" /></span><span class="menu-text">${link.title}</span></a>`)}
    </div><//>`;
}
