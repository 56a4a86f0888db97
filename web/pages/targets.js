// What is scraped: pools, the health of each target, and why the bad ones are bad.
import { html } from '../lib/html.js';
import { fetchTargets } from '../lib/client.js';
import { formatSeconds, plural } from '../lib/format.js';
import { formatAgo, formatTime } from '../lib/time.js';
import { withSearch } from '../lib/route.js';
import { address, params } from '../shell/address.js';
import { clock, utc } from '../shell/clock.js';
import { StateMark } from '../shell/icons.js';
import { LabelChips } from '../shell/labels.js';
import { Empty, Failed, Loading, Stale } from '../shell/notice.js';
import { usePage } from '../shell/page.js';
import { useResource } from '../shell/resource.js';
import { SearchField, hasWords } from '../shell/search.js';

/** @typedef {import('../lib/types.d.ts').ScrapeTarget} ScrapeTarget */

/** @type {Record<string, {kind: 'ok' | 'crit' | 'none', word: string}>} */
const HEALTH = { up: { kind: 'ok', word: 'Up' }, down: { kind: 'crit', word: 'Down' }, unknown: { kind: 'none', word: 'Not yet scraped' } };

/** Worst first. */
const ORDER = ['down', 'unknown', 'up'];

export function TargetsPage() {
  usePage({ title: 'Targets', refresh: '5s' });
  const { data, error } = useResource((signal) => fetchTargets({ signal }));
  const all = data?.activeTargets ?? [];
  const search = params.value.get('q') ?? '';
  const health = params.value.get('health') ?? '';
  const found = all.filter((target) => (health === '' || target.health === health) && hasWords(textOf(target), search));
  return html`<div class="page">
    <div class="filters"><${SearchField} name="Search targets and labels" />
      <div class="segmented" role="group" aria-label="Health">
        <${HealthChoice} value="" now=${health} word="All" count=${all.length} />
        ${ORDER.map((one) => html`<${HealthChoice} key=${one} value=${one} now=${health} word=${HEALTH[one].word} count=${all.filter((t) => t.health === one).length} />`)}
      </div>
      ${data && data.droppedTargets?.length > 0 && html`<span class="muted filters-count">${plural(data.droppedTargets.length, 'target')} dropped by relabelling</span>`}
      <a class="only-narrow" href="/status">Status of the monitor</a>
    </div>
    <${Stale} error=${data ? error : null} />
    <${Pools} loaded=${data !== null} all=${all} found=${found} error=${error} />
  </div>`;
}

/** @param {{value: string, now: string, word: string, count: number}} props */
function HealthChoice({ value, now, word, count }) {
  return html`<a href=${`/targets${withSearch(address.value.search, { health: value || null })}`} aria-current=${value === now ? 'true' : undefined}>${word} <span class="count">${count}</span></a>`;
}

/** @param {{loaded: boolean, all: ScrapeTarget[], found: ScrapeTarget[], error: Error | null}} props */
function Pools({ loaded, all, found, error }) {
  if (!loaded) return error ? html`<${Failed} what="Targets" error=${error} />` : html`<${Loading} what="targets" rows=${6} />`;
  if (all.length === 0) return html`<${Empty} title="Nothing is scraped" why="The configuration has no scrape jobs, or their discovery found no targets. Look at scrape_configs." />`;
  if (found.length === 0) return html`<${Empty} title="Nothing matches" why=${`None of the ${plural(all.length, 'target')} fits the filter.`}><a href="/targets">Show all</a><//>`;
  const worst = (/** @type {string} */ pool) => Math.min(...found.filter((target) => target.scrapePool === pool).map((target) => ORDER.indexOf(target.health)));
  const pools = [...new Set(found.map((target) => target.scrapePool))].sort((a, b) => worst(a) - worst(b) || a.localeCompare(b));
  return pools.map((pool) => html`<${Pool} key=${pool} pool=${pool} all=${all.filter((t) => t.scrapePool === pool)} shown=${found.filter((t) => t.scrapePool === pool)} />`);
}

/** @param {{pool: string, all: ScrapeTarget[], shown: ScrapeTarget[]}} props */
function Pool({ pool, all, shown }) {
  const up = all.filter((target) => target.health === 'up').length;
  const down = all.some((target) => target.health === 'down');
  const sorted = [...shown].sort((a, b) => ORDER.indexOf(a.health) - ORDER.indexOf(b.health) || a.scrapeUrl.localeCompare(b.scrapeUrl));
  return html`<section class="card" aria-label=${`Pool ${pool}`}>
    <header class="card-head"><h2>${pool}</h2><${StateMark} kind=${down ? 'crit' : up === all.length ? 'ok' : 'none'} word=${`${up} of ${all.length} up`} /></header>
    <div class="table-scroll"><table class="table targets-table">
      <colgroup><col class="col-health" /><col /><col class="col-last" /><col class="col-took" /></colgroup>
      <thead class="visually-hidden"><tr><th class="col-health">Health</th><th>Endpoint and labels</th><th class="number col-last">Last scrape</th><th class="number col-took">Took</th></tr></thead>
      <tbody>${sorted.map((target) => html`<${Row} key=${target.scrapeUrl + JSON.stringify(target.labels)} target=${target} />`)}</tbody>
    </table></div>
  </section>`;
}

/** @param {{target: ScrapeTarget}} props */
function Row({ target }) {
  const health = HEALTH[target.health] ?? HEALTH.unknown;
  const last = Date.parse(target.lastScrape);
  // Before the first scrape the API sends the year 1, as Prometheus does.
  const scraped = Number.isFinite(last) && last > 0;
  return html`<tr>
    <td class="col-health"><${StateMark} kind=${health.kind} word=${health.word} /></td>
    <td><a class="mono target-url" href=${target.globalUrl ?? target.scrapeUrl} target="_blank" rel="noreferrer">${target.scrapeUrl}</a>
      <${LabelChips} labels=${target.labels} />
      ${target.lastError && html`<p class="target-error" role="note">${target.lastError}</p>`}</td>
    <td class="number col-last" title=${scraped ? formatTime(last, utc.value) : ''}>${scraped ? formatAgo(last, clock.value) : 'never'}<span class="muted cell-unit">every ${target.scrapeInterval}</span></td>
    <td class="number col-took">${scraped ? html`${formatSeconds(target.lastScrapeDuration)}<span class="muted cell-unit">to scrape</span>` : '–'}</td>
  </tr>`;
}

/** @param {ScrapeTarget} target */
function textOf(target) {
  return `${target.scrapePool} ${target.scrapeUrl} ${target.lastError} ${Object.entries(target.labels).map(([name, value]) => `${name}=${value}`).join(' ')}`;
}
