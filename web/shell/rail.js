// The way around: a rail on the left, folded to icons or a bar at the bottom where there is less room.
import { html } from '../lib/html.js';
import { signal } from '../vendor/signals/signals.js';
import { withRange } from '../lib/route.js';
import { address, go, route } from './address.js';
import { critical, firing } from './alerts.js';
import { Icon, Mark } from './icons.js';
import { useKey } from './keys.js';
import { searchDashboards } from './search.js';
import { recall, remember } from './store.js';

/** Pages that exist, in the order of a shift: look, dig, check. */
const ITEMS = [
  { page: 'home', path: '/', name: 'Home' },
  { page: 'dashboards', path: '/dashboards', name: 'Dashboards' },
  { page: 'explore', path: '/explore', name: 'Explore' },
  { page: 'alerts', path: '/alerts', name: 'Alerts' },
  { page: 'targets', path: '/targets', name: 'Targets' },
  { page: 'status', path: '/status', name: 'Status' },
];

/** Pages that belong to one of these. @type {Record<string, string>} */
const ABOVE = { dashboard: 'dashboards', history: 'alerts', routes: 'alerts', silences: 'alerts', inbox: 'alerts' };

const folded = signal(recall('rail') === 'folded' || (recall('rail') === null && window.innerWidth < 1100));
document.documentElement.dataset.rail = folded.value ? 'folded' : 'open';

function flip() {
  folded.value = !folded.value;
  const state = folded.value ? 'folded' : 'open';
  document.documentElement.dataset.rail = state;
  remember('rail', state);
}

export function Rail() {
  const here = ABOVE[route.value.page] ?? route.value.page;
  const search = address.value.search;
  useKey('/', 'Search the dashboards', searchDashboards);
  useKey('e', 'Explore', () => go(withRange('/explore', address.peek().search)));
  return html`<nav class="rail" aria-label="Pages">
    <a class="rail-brand" href=${withRange('/', search)} aria-label="Watchfire, home"><${Mark} /><span class="rail-word">Watchfire</span></a>
    <ul>${ITEMS.map(({ page, path, name }) => html`<li key=${page} class=${page === 'status' ? 'rail-wide' : undefined}>
      <a class="rail-link" href=${withRange(path, search)} aria-current=${page === here ? 'page' : undefined} title=${folded.value ? name : undefined}>
        <${Icon} name=${page} /><span class="rail-word">${name}</span>
        ${page === 'alerts' && html`<${Badge} />`}
      </a></li>`)}
    </ul>
    <button type="button" class="rail-fold" onClick=${flip} aria-expanded=${!folded.value} title=${folded.value ? 'Unfold' : undefined}>
      <${Icon} name=${folded.value ? 'unfold' : 'fold'} /><span class="rail-word">${folded.value ? 'Unfold' : 'Fold'}</span>
    </button>
  </nav>`;
}

/** How many alerts fire. */
function Badge() {
  const count = firing.value.length;
  if (count === 0) return null;
  const kind = critical.value.length > 0 ? 'crit' : 'warn';
  return html`<span class="badge badge-${kind}" aria-label=${`${count} firing`}>${count}</span>`;
}
