// The pages about alerts, side by side.
import { html } from '../../lib/html.js';
import { route } from '../../shell/address.js';

const TABS = [
  { page: 'alerts', path: '/alerts', name: 'Rules' },
  { page: 'history', path: '/alerts/history', name: 'History' },
  { page: 'silences', path: '/silences', name: 'Silences' },
  { page: 'routes', path: '/alerts/routes', name: 'Routing' },
  { page: 'inbox', path: '/inbox', name: 'Inbox' },
];

export function AlertTabs() {
  return html`<nav class="tabs" aria-label="Alerts">
    ${TABS.map(({ page, path, name }) => html`<a key=${page} href=${path} aria-current=${route.value.page === page ? 'page' : undefined}>${name}</a>`)}
  </nav>`;
}
