// Rule groups and their alerts: what fires, what is about to, what each rule looks at, and who was told.
import { html } from '../../lib/html.js';
import { fetchNotifications, fetchRules } from '../../lib/client.js';
import { formatSeconds, plural } from '../../lib/format.js';
import { formatAgo, formatDuration, formatTime } from '../../lib/time.js';
import { withSearch } from '../../lib/route.js';
import { address, params } from '../../shell/address.js';
import { clock, utc } from '../../shell/clock.js';
import { Empty, Failed, Loading, Stale } from '../../shell/notice.js';
import { usePage } from '../../shell/page.js';
import { useResource } from '../../shell/resource.js';
import { SearchField, hasWords } from '../../shell/search.js';
import { RuleRow } from './rule.js';
import { AlertTabs } from './tabs.js';
import { ToldCard } from './told.js';
import { WhySheet } from './why.js';

/** @typedef {import('../../lib/types.d.ts').Rule} Rule */
/** @typedef {import('../../lib/types.d.ts').RuleGroup} RuleGroup */
/** @typedef {import('../../lib/types.d.ts').Told} Told */

/** Worst first. */
const STATES = [['firing', 'Firing'], ['pending', 'Pending'], ['inactive', 'Inactive']];

/** The choice that shows the rules that only compute. */
const RECORDING = 'recording';

export function AlertsPage() {
  usePage({ title: 'Alerts', refresh: '5s' });
  const { data, error } = useResource((signal) => fetchRules({ signal }));
  const told = useResource((signal) => fetchNotifications({ signal }));
  const groups = data?.groups ?? [];
  const everyRule = groups.flatMap((group) => group.rules);
  const rules = everyRule.filter((rule) => rule.type === 'alerting');
  const state = params.value.get('state') ?? '';
  const search = params.value.get('q') ?? '';
  const isOf = (/** @type {Rule} */ rule) => (state === RECORDING ? rule.type === 'recording' : rule.type === 'alerting' && (state === '' || rule.state === state));
  const keep = (/** @type {Rule} */ rule) => isOf(rule) && hasWords(textOf(rule), search);
  return html`<div class="page"><${AlertTabs} />
    <div class="filters"><${SearchField} name="Search rules and labels" />
      <div class="segmented" role="group" aria-label="State">
        <${StateChoice} value="" now=${state} word="All" count=${rules.length} />
        ${STATES.map(([value, word]) => html`<${StateChoice} key=${value} value=${value} now=${state} word=${word} count=${rules.filter((r) => r.state === value).length} />`)}
        <${StateChoice} value=${RECORDING} now=${state} word="Recording" count=${everyRule.length - rules.length} />
      </div></div>
    <${Stale} error=${data ? error : null} />
    <${Groups} loaded=${data !== null} groups=${groups} keep=${keep} state=${state} search=${search} error=${error} told=${told.data} />
    <${ToldCard} told=${told.data} error=${told.error} isFiring=${rules.some((rule) => rule.state === 'firing')} />
    <${WhySheet} />
  </div>`;
}

/** @param {{value: string, now: string, word: string, count: number}} props */
function StateChoice({ value, now, word, count }) {
  return html`<a href=${`/alerts${withSearch(address.value.search, { state: value || null })}`} aria-current=${value === now ? 'true' : undefined}>${word} <span class="count">${count}</span></a>`;
}

/** @param {{loaded: boolean, groups: RuleGroup[], keep: (rule: Rule) => boolean, state: string, search: string, error: Error | null, told: Told | null}} props */
function Groups({ loaded, groups, keep, state, search, error, told }) {
  if (!loaded) return error ? html`<${Failed} what="Rules" error=${error} />` : html`<${Loading} what="rules" rows=${6} />`;
  if (groups.length === 0) return html`<${Empty} title="No rules" why="The configuration names no rule files, so nothing can fire. Look at rule_files." />`;
  const shown = groups.filter((group) => group.rules.some(keep));
  if (shown.length === 0) {
    const why = state === 'firing' && search === '' ? 'No alert fires.' : state === 'pending' && search === '' ? 'No alert is pending.' : 'No rule fits the filter.';
    return html`<${Empty} title=${search === '' && state === 'firing' ? 'All quiet' : 'Nothing to show'} why=${why}><a href="/alerts">Show all rules</a><//>`;
  }
  const worst = (/** @type {RuleGroup} */ group) => Math.min(...group.rules.filter(keep).map((rule) => STATES.findIndex(([name]) => name === rule.state)));
  return [...shown].sort((a, b) => worst(a) - worst(b)).map((group) => html`<${Group} key=${group.file + group.name} group=${group} keep=${keep} state=${state} told=${told} />`);
}

/** @param {{group: RuleGroup, keep: (rule: Rule) => boolean, state: string, told: Told | null}} props */
function Group({ group, keep, state, told }) {
  const recording = group.rules.filter((rule) => rule.type === 'recording').length;
  const evaluated = Date.parse(group.lastEvaluation ?? '');
  const known = Number.isFinite(evaluated) && evaluated > 0;
  return html`<section class="card" aria-label=${`Group ${group.name}`}>
    <header class="card-head"><h2>${group.name}</h2>
      <span class="muted mono card-file" title=${group.file}>${group.file.split('/').at(-1)}</span>
      <span class="muted card-facts" title=${known ? formatTime(evaluated, utc.value) : ''}>every ${formatDuration(group.interval * 1000)}${known ? `, evaluated ${formatAgo(evaluated, clock.value)}` : ', not evaluated yet'}${group.evaluationTime ? ` in ${formatSeconds(group.evaluationTime)}` : ''}${recording > 0 && state !== RECORDING ? `, ${plural(recording, 'recording rule')}` : ''}</span>
    </header>
    <div class="rules">${group.rules.filter(keep).map((rule, at) => html`<${RuleRow} key=${rule.name + at} rule=${rule} told=${told} />`)}</div>
  </section>`;
}

/** @param {Rule} rule */
function textOf(rule) {
  const pairs = Object.entries(rule.labels ?? {}).concat((rule.alerts ?? []).flatMap((alert) => Object.entries(alert.labels)));
  return `${rule.name} ${rule.query} ${Object.values(rule.annotations ?? {}).join(' ')} ${pairs.map(([name, value]) => `${name}=${value}`).join(' ')}`;
}
