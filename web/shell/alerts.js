// What fires right now, for the line under the top bar, the rail and the home page.
import { computed, effect, signal } from '../vendor/signals/signals.js';
import { fetchAlerts } from '../lib/client.js';
import { beat } from './clock.js';
import { lostSince } from './reach.js';

/** @typedef {import('../lib/types.d.ts').ActiveAlert} ActiveAlert */

/** How often we look at least, whatever the page's own refresh. */
const LOOK_MS = 10_000;

/** Rank of a severity for sorting; unknown ones come last. */
const RANKS = ['critical', 'error', 'warning', 'info'];

/** All active alerts, or null before the first answer. @type {import('../vendor/signals/signals.js').Signal<ActiveAlert[] | null>} */
export const alerts = signal(null);

/** Why the newest look failed. @type {import('../vendor/signals/signals.js').Signal<Error | null>} */
export const alertsError = signal(null);

/** Those that fire, worst and oldest first; not those of severity none, which call nobody (the Watchdog). */
export const firing = computed(() => {
  const list = (alerts.value ?? []).filter((alert) => alert.state === 'firing' && alert.labels.severity !== 'none');
  return list.sort((a, b) => rank(a) - rank(b) || Date.parse(a.activeAt) - Date.parse(b.activeAt));
});

/** Those of them that should wake someone. */
export const critical = computed(() => firing.value.filter((alert) => alert.labels.severity === 'critical'));

/** @param {ActiveAlert} alert */
function rank(alert) {
  const at = RANKS.indexOf(alert.labels.severity);
  return at === -1 ? RANKS.length : at;
}

/** The mark of a severity. @param {string | undefined} severity @returns {'crit' | 'warn' | 'none'} */
export function severityKind(severity) {
  return severity === 'critical' || severity === 'error' ? 'crit' : severity === 'info' || severity === 'none' ? 'none' : 'warn';
}

/** Starts looking. */
export function startAlerts() {
  let timer = 0;
  const look = async () => {
    clearTimeout(timer);
    if (!document.hidden && lostSince.peek() === null) {
      // A failure keeps the old list.
      try {
        const { alerts: list } = await fetchAlerts();
        alerts.value = list ?? [];
        alertsError.value = null;
      } catch (error) {
        alertsError.value = error instanceof Error ? error : new Error(String(error));
      }
    }
    timer = setTimeout(look, LOOK_MS);
  };
  // Also with each refresh of the page, so that what it says and the line above it agree.
  effect(() => {
    beat.value;
    look();
  });
}
