// The user interface starts here: address in, page out.
import { html } from './lib/html.js';
import { render } from './vendor/preact/preact.js';
import { useEffect } from './vendor/preact/hooks.js';
// Loaded for its side effect: it makes components follow signals.
import './vendor/signals/signals.js';
import { route, startRouter } from './shell/address.js';
import { startAlerts } from './shell/alerts.js';
import { startClock } from './shell/clock.js';
import { startKeys } from './shell/keys.js';
import { startTroubles } from './shell/trouble.js';
import { lostSince, startReach } from './shell/reach.js';
import { Help } from './shell/help.js';
import { Rail } from './shell/rail.js';
import { Empty } from './shell/notice.js';
import { TopBar } from './shell/topbar.js';
import { usePage } from './shell/page.js';
import { HomePage } from './pages/home/page.js';
import { DashboardsPage } from './pages/dashboards.js';
import { DashboardPage } from './pages/dashboard/page.js';
import { TargetsPage } from './pages/targets.js';
import { AlertsPage } from './pages/alerts/page.js';
import { HistoryPage } from './pages/alerts/history.js';
import { RoutesPage } from './pages/alerts/routes.js';
import { SilencesPage } from './pages/silences/page.js';
import { InboxPage } from './pages/inbox/page.js';
import { StatusPage } from './pages/status.js';

/** @type {Record<string, (props: {uid: string}) => any>} */
const PAGES = { home: HomePage, dashboards: DashboardsPage, dashboard: DashboardPage, targets: TargetsPage, alerts: AlertsPage, history: HistoryPage, routes: RoutesPage, silences: SilencesPage, inbox: InboxPage, status: StatusPage };

function LostPage() {
  usePage({ title: 'No such page' });
  return html`<${Empty} title="There is nothing at this address" why="The link may be old or mistyped."><a href="/">Go home</a><//>`;
}

function App() {
  const { page, uid } = route.value;
  const Page = PAGES[page] ?? LostPage;
  useEffect(() => {
    document.getElementById('main')?.focus({ preventScroll: true });
  }, [page, uid]);
  return html`<a class="skip" href="#main">Skip to the content</a>
    <${Rail} />
    <div class="column">
      <${TopBar} />
      <main id="main" tabindex="-1"><${Page} key=${page + uid} uid=${uid} /></main>
    </div>
    <${Help} />`;
}

startRouter();
startClock(() => lostSince.peek() !== null);
startReach();
startKeys();
startAlerts();
startTroubles();
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById('app')));
