// Home: is everything well? One tile a job, worst first; what fires; where to look further.
import { html } from '../../lib/html.js';
import { fetchDashboards, queryBatch } from '../../lib/client.js';
import { BUDGET_TARGETS, budgetsOf } from '../../lib/budgets.js';
import { CHANGE_TARGETS, changesOf } from '../../lib/changes.js';
import { servicePlan, servicesOf } from '../../lib/services.js';
import { withRange } from '../../lib/route.js';
import { address } from '../../shell/address.js';
import { firing } from '../../shell/alerts.js';
import { Empty, Failed, Loading, Stale } from '../../shell/notice.js';
import { usePage } from '../../shell/page.js';
import { useResource } from '../../shell/resource.js';
import { Budgets } from './budgets.js';
import { Changes } from './changes.js';
import { FiringList } from './firing.js';
import { Tile } from './tile.js';

/** @typedef {import('../../lib/types.d.ts').DashboardEntry} DashboardEntry */

export function HomePage() {
  usePage({ title: 'Home', refresh: '10s' });
  const answer = useResource((signal) => queryBatch(homePlan(Date.now()), signal));
  const dashboards = useResource((signal) => fetchDashboards({ signal }));
  return html`<div class="page home">
    <${Stale} error=${answer.data ? answer.error : null} />
    <section aria-labelledby="home-services">
      <h2 id="home-services" class="section-title">Services</h2>
      <${Services} answer=${answer} dashboards=${dashboards.data ?? []} />
    </section>
    <div class="home-lower">
      <div class="home-column">
        <section aria-labelledby="home-firing"><h2 id="home-firing" class="section-title">Firing alerts</h2><${FiringList} /></section>
        <${BudgetSection} budgets=${budgetsOf(answer.data ?? [])} dashboards=${dashboards.data ?? []} />
        <section aria-labelledby="home-changes"><h2 id="home-changes" class="section-title">What changed</h2>
          ${answer.data ? html`<${Changes} changes=${changesOf(answer.data)} />` : html`<${Loading} what="changes" rows=${2} />`}</section>
      </div>
      <section aria-labelledby="home-dashboards"><h2 id="home-dashboards" class="section-title">Dashboards</h2><${DashboardLinks} answer=${dashboards} /></section>
    </div>
  </div>`;
}

/** All that the page asks for, in one round. @param {number} now */
function homePlan(now) {
  const plan = servicePlan(now);
  return { ...plan, targets: [...plan.targets, ...BUDGET_TARGETS, ...CHANGE_TARGETS] };
}

/** The dashboard of a job is the first that has the job's name as a tag. @param {DashboardEntry[]} dashboards @param {string} job */
function dashboardOf(dashboards, job) {
  const found = dashboards.find((entry) => entry.tags.includes(job));
  return found ? withRange(found.url, address.value.search) : null;
}

/** Nothing where no objectives are set. @param {{budgets: import('../../lib/budgets.js').Budget[], dashboards: DashboardEntry[]}} props */
function BudgetSection({ budgets, dashboards }) {
  if (budgets.length === 0) return null;
  const found = dashboards.find((entry) => entry.tags.includes('slo')) ?? dashboards.find((entry) => entry.uid === 'error-budget');
  return html`<section aria-labelledby="home-budgets"><h2 id="home-budgets" class="section-title">Error budgets</h2>
    <${Budgets} budgets=${budgets} dashboard=${found ? found.url : null} /></section>`;
}

/** @param {{answer: import('../../shell/resource.js').Resource<import('../../lib/types.d.ts').TargetResult[]>, dashboards: DashboardEntry[]}} props */
function Services({ answer, dashboards }) {
  if (!answer.data) {
    return answer.error ? html`<${Failed} what="Services" error=${answer.error} />` : html`<div class="tiles"><${TilesLoading} /></div>`;
  }
  const broken = answer.data.find((result) => result.id === 'up' && result.error);
  if (broken?.error) return html`<${Failed} what="Services" error=${new Error(broken.error.message)} />`;
  const services = servicesOf(answer.data, firing.value);
  if (services.length === 0) {
    return html`<${Empty} title="No services yet" why="No target has been scraped. A service appears here after its first scrape."><a href="/targets">See the scrape targets</a><//>`;
  }
  return html`<div class="tiles">${services.map((service) => html`<${Tile} key=${service.job} service=${service} dashboard=${dashboardOf(dashboards, service.job)} />`)}</div>`;
}

function TilesLoading() {
  return [0, 1, 2, 3].map((at) => html`<div class="tile tile-loading" key=${at}><${Loading} what="services" rows=${3} /></div>`);
}

/** @param {{answer: import('../../shell/resource.js').Resource<DashboardEntry[]>}} props */
function DashboardLinks({ answer }) {
  const { data, error } = answer;
  if (!data) return error ? html`<${Failed} what="Dashboards" error=${error} />` : html`<${Loading} what="dashboards" rows=${3} />`;
  if (data.length === 0) return html`<p class="muted">None are provisioned.</p>`;
  return html`<ul class="link-list">${data.map((entry) => html`<li key=${entry.uid}><a href=${withRange(entry.url, address.value.search)}>
    <span class="link-name">${entry.title}</span>${entry.description && html`<span class="muted link-says">${entry.description}</span>`}</a></li>`)}</ul>`;
}
