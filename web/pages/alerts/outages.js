// Outages of the past and those that last: when, how long, who was told.
import { html } from '../../lib/html.js';
import { fetchHistory } from '../../lib/client.js';
import { plural } from '../../lib/format.js';
import { momentOf } from '../../lib/stories.js';
import { formatAgo, formatDuration, formatTime } from '../../lib/time.js';
import { params } from '../../shell/address.js';
import { clock, utc } from '../../shell/clock.js';
import { StateMark } from '../../shell/icons.js';
import { LabelChips } from '../../shell/labels.js';
import { Empty, Failed, Loading, Stale } from '../../shell/notice.js';
import { usePage } from '../../shell/page.js';
import { useResource } from '../../shell/resource.js';
import { SearchField, hasWords } from '../../shell/search.js';
import { AlertTabs } from './tabs.js';
import { WhySheet, whyLink } from './why.js';

/** @typedef {import('../../lib/alerts.d.ts').Episode} Episode */

/** Rows asked for and drawn. */
const ROWS = 300;

export function HistoryPage() {
  usePage({ title: 'Alert history', above: { name: 'Alerts', href: '/alerts' }, refresh: '10s' });
  const { data, error } = useResource((signal) => fetchHistory({ signal, params: { limit: String(ROWS) } }));
  const search = params.value.get('q') ?? '';
  const all = data?.episodes ?? [];
  const rows = all.map((episode, at) => ({ episode, at })).filter(({ episode }) => hasWords(textOf(episode), search));
  return html`<div class="page"><${AlertTabs} />
    <div class="filters"><${SearchField} name="Search alerts and labels" />
      ${data && html`<span class="muted filters-count">${reach(data)}</span>`}</div>
    <${Stale} error=${data ? error : null} />
    ${!data && (error ? html`<${Failed} what="The history" error=${error} />` : html`<${Loading} what="the history" rows=${6} />`)}
    ${data && rows.length === 0 && html`<${Empty} title=${search === '' ? 'No alert has fired' : 'Nothing to show'} why=${search === '' ? 'The ledger has no outage to tell of.' : 'No outage fits the search.'} />`}
    ${rows.length > 0 && html`<section class="card"><div class="table-scroll"><table class="table told-table history-table">
      <thead><tr><th>State</th><th>Alert</th><th>Fired</th><th class="number">Lasted</th><th>Told</th></tr></thead>
      <tbody>${rows.map(({ episode, at }) => html`<${Row} key=${episode.alert + episode.firedAt} one=${episode} moment=${momentOf(all, at)} />`)}</tbody>
    </table></div></section>`}
    <${WhySheet} />
  </div>`;
}

/** How far back the ledger goes. @param {import('../../lib/alerts.d.ts').AlertHistory} data */
function reach({ since, dropped, episodes }) {
  const from = since ? `since ${formatTime(Date.parse(since), utc.value)}` : '';
  const cut = dropped > 0 ? `; ${plural(dropped, 'older event')} had to go` : '';
  return `${plural(episodes.length, 'outage')} ${from}${cut}`;
}

/** @param {{one: Episode, moment: string}} props */
function Row({ one, moment }) {
  const fired = Date.parse(one.firedAt);
  const lasted = (one.endedAt ? Date.parse(one.endedAt) : clock.value) - fired;
  const name = one.labels.alertname ?? '';
  return html`<tr>
    <td class="nowrap"><${StateMark} kind=${one.endedAt ? 'ok' : one.labels.severity === 'critical' ? 'crit' : 'warn'} word=${one.endedAt ? 'Ended' : 'Fires'} /></td>
    <td><a class="history-name" href=${whyLink(name, one.alert, moment)}>${name}</a> <${LabelChips} labels=${one.labels} without=${['alertname']} /></td>
    <td class="nowrap" title=${formatAgo(fired, clock.value)}>${formatTime(fired, utc.value)}</td>
    <td class="number nowrap">${formatDuration(Math.max(0, lasted))}</td>
    <td><${ToldCell} one=${one} /></td>
  </tr>`;
}

/** @param {{one: Episode}} props */
function ToldCell({ one }) {
  const quiet = one.held.length > 0 ? `, ${one.held.join(' and ')}` : '';
  return html`<span class="told-cell">
    ${one.told.length > 0 && html`<span>${one.told.join(', ')} <span class="muted">${plural(one.messages, 'message')}</span></span>`}
    ${one.untold.length > 0 && html`<span class=${one.failures > 0 ? 'told-error' : 'muted'}>${one.failures > 0
      ? html`<${StateMark} kind="crit" word=${`not ${one.untold.join(', ')}`} /> ${plural(one.failures, 'try').replace('trys', 'tries')} failed`
      : `not ${one.untold.join(', ')}${quiet}`}</span>`}
    ${one.told.length > 0 && quiet !== '' && html`<span class="muted">${quiet.slice(2)} for a while</span>`}
    ${one.acknowledgedBy && html`<span class="muted">in hand: ${one.acknowledgedBy}</span>`}
  </span>`;
}

/** @param {Episode} one */
function textOf(one) {
  return `${Object.entries(one.labels).map(([name, value]) => `${name}=${value}`).join(' ')} ${one.told.join(' ')} ${one.endedAt ? 'ended' : 'fires'}`;
}
