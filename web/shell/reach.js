// Whether the monitor answers. While it does not, we knock until it does and then ask for everything again.
import { signal } from '../vendor/signals/signals.js';
import { fetchHealth, onReach } from '../lib/client.js';
import { refreshNow } from './clock.js';

/** Pause between knocks: short at first, as most restarts take a second or two. */
const KNOCK_MS_MIN = 1000;
const KNOCK_MS_MAX = 10_000;

/** When the monitor stopped answering (ms), or null while it answers. @type {import('../vendor/signals/signals.js').Signal<number | null>} */
export const lostSince = signal(null);

/** Starts watching the answers. */
export function startReach() {
  onReach((reachable) => {
    if (reachable && lostSince.value !== null) {
      lostSince.value = null;
      refreshNow();
    } else if (!reachable && lostSince.value === null) {
      lostSince.value = Date.now();
      knock(KNOCK_MS_MIN);
    }
  });
}

/** @param {number} pause ms */
function knock(pause) {
  setTimeout(async () => {
    if (lostSince.value === null) return;
    // The answer itself is told to the watcher above; any answer will do.
    await fetchHealth({ timeoutMs: 3000 }).catch(() => null);
    if (lostSince.value !== null) knock(Math.min(pause * 1.5, KNOCK_MS_MAX));
  }, pause);
}
