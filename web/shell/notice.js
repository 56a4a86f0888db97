// The looks of "not yet", "nothing" and "failed": one sentence why, and one thing to do.
import { html } from '../lib/html.js';
import { lostSince } from './reach.js';
import { refreshNow } from './clock.js';

/**
 * Grey bars where the content will be; the words are for screen readers.
 * @param {{what: string, rows?: number}} props
 */
export function Loading({ what, rows = 4 }) {
  return html`<div class="skeleton" role="status" aria-label=${`Loading ${what}`}>
    ${Array.from({ length: rows }, (_, at) => html`<div class="skeleton-bar" key=${at} />`)}
  </div>`;
}

/** @param {{title: string, why: any, children?: any}} props children: the one thing to do */
export function Empty({ title, why, children }) {
  return html`<div class="notice" role="status"><h2>${title}</h2><p>${why}</p>${children && html`<p class="notice-do">${children}</p>`}</div>`;
}

/** @param {{what: string, error: Error}} props */
export function Failed({ what, error }) {
  return html`<div class="notice notice-failed" role="alert">
    <h2>${what} could not be loaded</h2>
    <p>${sentence(error.message)}</p>
    <p class="notice-do"><button type="button" class="button" onClick=${refreshNow}>Try again</button></p>
  </div>`;
}

/** A strip above content that is older than it should be. @param {{error: Error | null}} props */
export function Stale({ error }) {
  if (!error || lostSince.value !== null) return null;
  return html`<p class="strip strip-warn" role="status">Showing the last good answer. The newest try failed: ${error.message}.</p>`;
}

/** @param {string} text */
function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
