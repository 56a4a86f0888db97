// The address bar as a signal, and the one router: real links, history, everything worth sharing in the URL.
import { computed, signal } from '../vendor/signals/signals.js';
import { matchPath, withSearch } from '../lib/route.js';

/** The current address. */
export const address = signal(new URL(window.location.href));

/** The page it stands for. */
export const route = computed(() => matchPath(address.value.pathname));

/** Its parameters. */
export const params = computed(() => new URLSearchParams(address.value.search));

/**
 * Goes to an address of ours.
 * @param {string} href
 * @param {{replace: boolean}} [options] replace: this step is not worth a Back
 */
export function go(href, { replace } = { replace: false }) {
  const next = new URL(href, window.location.href);
  if (next.href === address.value.href) return;
  const samePage = next.pathname === address.value.pathname;
  history[replace ? 'replaceState' : 'pushState'](null, '', next);
  address.value = next;
  if (!samePage) window.scrollTo(0, 0);
}

/**
 * Changes parameters of this address; null removes.
 * @param {Record<string, string | string[] | null>} changes
 * @param {{replace: boolean}} [options]
 */
export function setParams(changes, options) {
  go(address.value.pathname + withSearch(address.value.search, changes), options);
}

/** Starts listening: Back and Forward, and clicks on links to our own pages. */
export function startRouter() {
  window.addEventListener('popstate', () => {
    address.value = new URL(window.location.href);
  });
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || !isOurs(link) || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.href);
  });
}

/** @param {HTMLAnchorElement} link */
function isOurs(link) {
  if (link.origin !== window.location.origin || link.target || link.hasAttribute('download')) return false;
  return matchPath(link.pathname).page !== 'lost';
}
