// Keys that do what the mouse does. A page adds its own while it is shown, in the place of the frame's; the help sheet lists what holds now.
import { useEffect, useRef } from '../vendor/preact/hooks.js';
import { signal } from '../vendor/signals/signals.js';

/** @typedef {{key: string, says: string, run: () => void}} Key */

/** @type {import('../vendor/signals/signals.js').Signal<Key[]>} */
export const keys = signal([]);

/** Fields that take letters as text. */
const TYPING = 'input, textarea, select, [contenteditable]';

/**
 * @param {string} key as `KeyboardEvent.key` names it
 * @param {string} says what it does, for the help sheet
 * @param {() => void} run
 */
export function useKey(key, says, run) {
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    const entry = { key, says, run: () => latest.current() };
    keys.value = [...keys.peek(), entry];
    return () => {
      keys.value = keys.peek().filter((other) => other !== entry);
    };
  }, [key, says]);
}

/** Starts listening. */
export function startKeys() {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.closest(TYPING)) return;
    // An open dialog has the keys to itself: the browser closes it on Escape.
    if (document.querySelector('dialog[open]')) return;
    const found = keys.peek().findLast((entry) => entry.key === event.key);
    if (!found) return;
    event.preventDefault();
    found.run();
  });
}
