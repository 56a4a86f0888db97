// The list of dashboards by folder, with search and tags.
import { html } from '../lib/html.js';
import { fetchDashboards } from '../lib/client.js';
import { plural } from '../lib/format.js';
import { withRange, withSearch } from '../lib/route.js';
import { address, params } from '../shell/address.js';
import { SearchField, hasWords } from '../shell/search.js';
import { Empty, Failed, Loading, Stale } from '../shell/notice.js';
import { usePage } from '../shell/page.js';
import { useResource } from '../shell/resource.js';

/** @typedef {import('../lib/types.d.ts').DashboardEntry} Entry */

/** Name of the folder of dashboards that lie in none; Grafana's word. */
const GENERAL = 'General';

export function DashboardsPage() {
  usePage({ title: 'Dashboards' });
  const { data, error } = useResource((signal) => fetchDashboards({ signal }));
  const tags = params.value.getAll('tag');
  const search = params.value.get('q') ?? '';
  const found = (data ?? []).filter((entry) => matches(entry, search, tags));
  return html`<div class="page page-narrow">
    <div class="filters"><${SearchField} name="Search dashboards" />
      ${tags.map((tag) => html`<a key=${tag} class="chip chip-on" href=${tagLink(tag)} aria-label=${`Remove filter ${tag}`}>${tag} ×</a>`)}
      <span class="muted filters-count" role="status">${data && plural(found.length, 'dashboard')}</span></div>
    <${Stale} error=${data ? error : null} />
    <${List} all=${data} found=${found} error=${error} />
  </div>`;
}

/** @param {{all: Entry[] | null, found: Entry[], error: Error | null}} props */
function List({ all, found, error }) {
  if (!all) return error ? html`<${Failed} what="Dashboards" error=${error} />` : html`<${Loading} what="dashboards" rows=${6} />`;
  if (all.length === 0) return html`<${Empty} title="No dashboards" why="None are provisioned: put Grafana dashboard files (.json) into the folder that the configuration names." />`;
  if (found.length === 0) return html`<${Empty} title="Nothing matches" why=${`None of the ${all.length} dashboards has these words and tags.`}><a href="/dashboards">Show all</a><//>`;
  const folders = [...new Set(found.map((entry) => entry.folder || GENERAL))].sort((a, b) => a.localeCompare(b));
  return folders.map((folder) => html`<section key=${folder} class="folder">
    <h2 class="section-title">${folder}</h2>
    <ul class="link-list">${found.filter((entry) => (entry.folder || GENERAL) === folder).map((entry) => html`<${Row} key=${entry.uid} entry=${entry} />`)}</ul>
  </section>`);
}

/** @param {{entry: Entry}} props */
function Row({ entry }) {
  return html`<li class="dashboard-row">
    <a href=${withRange(entry.url, address.value.search)}><span class="link-name">${entry.title}</span>
      ${entry.description && html`<span class="muted link-says">${entry.description}</span>`}</a>
    <span class="chips">${(entry.tags ?? []).map((tag) => html`<a key=${tag} class="chip" href=${tagLink(tag)}>${tag}</a>`)}</span>
  </li>`;
}

/** The same list with a tag added, or taken away if it is there. @param {string} tag */
function tagLink(tag) {
  const now = params.value.getAll('tag');
  const next = now.includes(tag) ? now.filter((one) => one !== tag) : [...now, tag];
  return `/dashboards${withSearch(address.value.search, { tag: next })}`;
}

/** @param {Entry} entry @param {string} search @param {string[]} tags */
function matches(entry, search, tags) {
  const text = `${entry.title} ${entry.folder} ${entry.description ?? ''} ${(entry.tags ?? []).join(' ')}`;
  return tags.every((tag) => (entry.tags ?? []).includes(tag)) && hasWords(text, search);
}
