// Whether the monitor answers. One failed request proves little, so it is asked how it does; while it says nothing, we
// knock until it does and then ask for everything again. Nobody else retries meanwhile.
import { signal } from '../vendor/signals/signals.js';
import { ApiError, fetchHealth, onReach } from '../lib/client.js';
import { refreshNow } from './clock.js';

/** Pause between knocks: short at first, as most restarts take a second or two. A knock is small, so that the last pause is short too. */
const KNOCK_MS_MIN = 500;
const KNOCK_MS_MAX = 5_000;

/** How much longer each pause is. */
const KNOCK_GROWTH = 1.5;

/** A monitor that takes longer to say that it is well is not. */
const KNOCK_TIMEOUT_MS = 3_000;

/** When the monitor stopped answering (ms), or null while it answers. @type {import('../vendor/signals/signals.js').Signal<number | null>} */
export const lostSince = signal(null);

/** Starts watching the answers. */
export function startReach() {
  let doubting = false;
  onReach(async (reachable) => {
    if (reachable) return found();
    if (doubting || lostSince.value !== null) return;
    doubting = true;
    const answers = await knock();
    doubting = false;
    if (answers || lostSince.value !== null) return;
    lostSince.value = Date.now();
    knockLater(KNOCK_MS_MIN);
  });
}

function found() {
  if (lostSince.value === null) return;
  lostSince.value = null;
  refreshNow();
}

/** Whether the monitor says anything at all. */
async function knock() {
  try {
    await fetchHealth({ timeoutMs: KNOCK_TIMEOUT_MS });
    return true;
  } catch (error) {
    return error instanceof ApiError && (error.kind === 'http' || error.kind === 'format');
  }
}

/** @param {number} pause ms */
function knockLater(pause) {
  setTimeout(async () => {
    // An answer is told to the watcher above, which ends this.
    if (lostSince.value !== null) await knock();
    if (lostSince.value !== null) knockLater(Math.min(pause * KNOCK_GROWTH, KNOCK_MS_MAX));
  }, pause);
}
