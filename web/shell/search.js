// A search field that lives in the address (`?q=`). `/` goes to it, Escape empties it.
import { html } from '../lib/html.js';
import { useEffect, useRef } from '../vendor/preact/hooks.js';
import { go, params, setParams } from './address.js';
import { Icon } from './icons.js';
import { useKey } from './keys.js';

/** Set by who leads to a page in order to search there. */
let isWanted = false;

/** Goes to the list of dashboards and into its search. */
export function searchDashboards() {
  isWanted = true;
  go('/dashboards');
}

/** @param {{name: string}} props name: what is searched, shown in the empty field */
export function SearchField({ name }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useKey('/', 'Search', () => field.current?.focus());
  useEffect(() => {
    if (isWanted) field.current?.focus();
    isWanted = false;
  }, []);
  const set = (/** @type {string} */ text) => setParams({ q: text === '' ? null : text }, { replace: true });
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'Escape') return;
    set('');
    field.current?.blur();
  };
  return html`<label class="search"><${Icon} name="search" />
    <input ref=${field} class="field" type="search" placeholder=${name} aria-label=${name} autocomplete="off" spellcheck=${false}
      value=${params.value.get('q') ?? ''} onInput=${(/** @type {any} */ e) => set(e.target.value)} onKeyDown=${onKeyDown} />
    <kbd class="search-key" aria-hidden="true">/</kbd></label>`;
}

/**
 * Whether a text holds all words of the search.
 * @param {string} text
 * @param {string} search
 */
export function hasWords(text, search) {
  const low = text.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => low.includes(word));
}
