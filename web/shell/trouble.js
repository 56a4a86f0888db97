// What the monitor says is wrong with itself: samples refused, damage set aside, a configuration that could not be loaded.
import { effect, signal } from '../vendor/signals/signals.js';
import { fetchTroubles } from '../lib/client.js';
import { beat } from './clock.js';
import { lostSince } from './reach.js';

/** How often we look at least, whatever the page's own refresh. */
const LOOK_MS = 10_000;

/** Sentences for people. @type {import('../vendor/signals/signals.js').Signal<string[]>} */
export const troubles = signal([]);

/** Starts looking. */
export function startTroubles() {
  let timer = 0;
  const look = async () => {
    clearTimeout(timer);
    if (!document.hidden && lostSince.peek() === null) {
      // A failure keeps what was said last; that the monitor is gone is said elsewhere.
      try {
        troubles.value = (await fetchTroubles()).filter((one) => one.active).map((one) => one.text);
      } catch { /* as above */ }
    }
    timer = setTimeout(look, LOOK_MS);
  };
  effect(() => {
    beat.value;
    look();
  });
}
