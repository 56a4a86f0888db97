// The user interface starts here: address in, page out.
import { html } from './lib/html.js';
import { render } from './vendor/preact/preact.js';
import { useEffect } from './vendor/preact/hooks.js';
// It also makes components follow signals.
import { effect, signal } from './vendor/signals/signals.js';
import { route, startRouter } from './shell/address.js';
import { startAlerts } from './shell/alerts.js';
import { beat, startClock } from './shell/clock.js';
import { startKeys } from './shell/keys.js';
import { startTroubles } from './shell/trouble.js';
import { lostSince, startReach } from './shell/reach.js';
import { Help } from './shell/help.js';
import { Rail } from './shell/rail.js';
import { Empty, Failed } from './shell/notice.js';
import { TopBar } from './shell/topbar.js';
import { usePage } from './shell/page.js';

/**
 * Pages are loaded when they are first shown: nobody waits for what is not on the screen.
 * @type {Record<string, () => Promise<(props: {uid: string}) => any>>}
 */
const PAGES = {
  home: () => import('./pages/home/page.js').then((module) => module.HomePage),
  dashboards: () => import('./pages/dashboards.js').then((module) => module.DashboardsPage),
  dashboard: () => import('./pages/dashboard/page.js').then((module) => module.DashboardPage),
  explore: () => import('./pages/explore/page.js').then((module) => module.ExplorePage),
  targets: () => import('./pages/targets.js').then((module) => module.TargetsPage),
  alerts: () => import('./pages/alerts/page.js').then((module) => module.AlertsPage),
  history: () => import('./pages/alerts/outages.js').then((module) => module.HistoryPage),
  routes: () => import('./pages/alerts/routes.js').then((module) => module.RoutesPage),
  silences: () => import('./pages/silences/page.js').then((module) => module.SilencesPage),
  inbox: () => import('./pages/inbox/page.js').then((module) => module.InboxPage),
  status: () => import('./pages/status.js').then((module) => module.StatusPage),
};

/** Those that are here. @type {import('./vendor/signals/signals.js').Signal<Record<string, any>>} */
const loaded = signal({ lost: LostPage });

/** Why a page could not be had. @type {import('./vendor/signals/signals.js').Signal<Error | null>} */
const failed = signal(null);

effect(() => {
  const { page } = route.value;
  // Asked for again with each refresh while it fails.
  beat.value;
  if (loaded.peek()[page] || !PAGES[page]) return;
  PAGES[page]().then(
    (component) => {
      failed.value = null;
      loaded.value = { ...loaded.peek(), [page]: component };
    },
    (error) => {
      failed.value = error instanceof Error ? error : new Error(String(error));
    },
  );
});

function LostPage() {
  usePage({ title: 'No such page' });
  return html`<${Empty} title="There is nothing at this address" why="The link may be old or mistyped."><a href="/">Go home</a><//>`;
}

function App() {
  const { page, uid } = route.value;
  const Page = loaded.value[page];
  useEffect(() => {
    document.getElementById('main')?.focus({ preventScroll: true });
  }, [page, uid]);
  return html`<a class="skip" href="#main">Skip to the content</a>
    <${Rail} />
    <div class="column">
      <${TopBar} />
      <main id="main" tabindex="-1">${Page ? html`<${Page} key=${page + uid} uid=${uid} />` : failed.value && html`<${Failed} what="The page" error=${failed.value} />`}</main>
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
