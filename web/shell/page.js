// What each page tells the frame about itself.
import { useEffect, useLayoutEffect } from '../vendor/preact/hooks.js';
import { DEFAULT_RANGE } from '../lib/ranges.js';
import { pageDefaults } from './clock.js';
import { heading } from './topbar.js';

/**
 * @typedef {object} PageFacts
 * @property {string} title
 * @property {{name: string, href: string} | null} [above] what it belongs to
 * @property {boolean} [timed] whether the time range matters to it
 * @property {string} [refresh] how often it asks again by itself
 * @property {import('../lib/types.d.ts').RangeText} [range] shown when the address names none
 */

/** @param {PageFacts} facts */
export function usePage({ title, above = null, timed = false, refresh = 'off', range = DEFAULT_RANGE }) {
  useLayoutEffect(() => {
    heading.value = { title, above, timed };
  }, [title, above?.name, above?.href, timed]);
  useLayoutEffect(() => {
    pageDefaults.value = { range, refresh };
  }, [range.from, range.to, refresh]);
  useEffect(() => {
    document.title = title ? `${title} · Watchfire` : 'Watchfire';
  }, [title]);
}
