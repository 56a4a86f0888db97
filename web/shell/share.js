// A link to what is on the screen, as it is or with its time pinned.
import { html } from '../lib/html.js';
import { useState } from '../vendor/preact/hooks.js';
import { pinned } from '../lib/ranges.js';
import { withSearch } from '../lib/route.js';
import { address } from './address.js';
import { range, rangeText, refreshText } from './clock.js';
import { Icon } from './icons.js';
import { Popover } from './popover.js';

/** How long the button says that it has copied. */
const COPIED_MS = 1500;

/** @param {{timed: boolean}} props timed: the page has a time range */
export function ShareControl({ timed }) {
  const [open, setOpen] = useState(false);
  return html`<${Popover} open=${open} onToggle=${setOpen} className="button button-icon" label="Share this page" button=${html`<${Icon} name="share" />`}>
    <div class="share">
      <${CopyLink} name="Link" says=${timed ? 'Whoever opens it sees the same range, ending at their now.' : 'Opens the same page with the same filters.'}
        link=${here(timed ? { ...rangeText.value, refresh: refreshText.value } : {})} />
      ${timed && html`<${CopyLink} name="Link to this moment" says="The time is pinned: the same picture tomorrow." link=${here({ ...pinned(range.value), refresh: null })} />`}
    </div>
  <//>`;
}

/** @param {Record<string, string | null>} changes */
function here(changes) {
  const { origin, pathname, search } = address.value;
  return origin + pathname + withSearch(search, changes);
}

/** @param {{name: string, says: string, link: string}} props */
function CopyLink({ name, says, link }) {
  const [copied, setCopied] = useState(false);
  const copy = async (/** @type {any} */ event) => {
    const field = event.currentTarget.parentElement.querySelector('input');
    field.select();
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      // Without a secure context there is no clipboard: the field is selected, Ctrl-C works.
      return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  return html`<div class="share-one">
    <strong>${name}</strong><span class="muted">${says}</span>
    <div class="share-row"><input type="text" class="field mono" readonly value=${link} aria-label=${name} onFocus=${(/** @type {any} */ e) => e.target.select()} />
    <button type="button" class="button" onClick=${copy}><${Icon} name=${copied ? 'check' : 'copy'} /> ${copied ? 'Copied' : 'Copy'}</button></div>
  </div>`;
}
