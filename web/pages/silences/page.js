// Silences: what is quiet, by whom and why; made, changed and ended here.
import { html } from '../../lib/html.js';
import { useState } from '../../vendor/preact/hooks.js';
import { expireSilence, fetchSilences } from '../../lib/client.js';
import { withSearch } from '../../lib/route.js';
import { draftOf, draftOfSilence, rowOf, rowText } from '../../lib/silences.js';
import { formatDuration, formatTime } from '../../lib/time.js';
import { address, params } from '../../shell/address.js';
import { clock, refreshNow, utc } from '../../shell/clock.js';
import { StateMark } from '../../shell/icons.js';
import { Empty, Failed, Loading, Stale } from '../../shell/notice.js';
import { usePage } from '../../shell/page.js';
import { useResource } from '../../shell/resource.js';
import { SearchField, hasWords } from '../../shell/search.js';
import { recall } from '../../shell/store.js';
import { AlertTabs } from '../alerts/tabs.js';
import { SilenceForm } from './form.js';

/** @typedef {import('../../lib/alerts.d.ts').Silence} Silence */

/** @type {Record<string, {kind: 'ok' | 'warn' | 'none', word: string}>} */
const STATES = { active: { kind: 'warn', word: 'Active' }, pending: { kind: 'none', word: 'To come' }, expired: { kind: 'ok', word: 'Over' } };

export function SilencesPage() {
  usePage({ title: 'Silences', above: { name: 'Alerts', href: '/alerts' }, refresh: '10s' });
  const { data, error } = useResource((signal) => fetchSilences({ signal }));
  const state = params.value.get('state') ?? '';
  const search = params.value.get('q') ?? '';
  const all = data ?? [];
  const shown = all.filter((one) => (state === '' ? one.status.state !== 'expired' : one.status.state === state) && hasWords(textOf(one), search));
  return html`<div class="page"><${AlertTabs} />
    <div class="filters"><${SearchField} name="Search silences" />
      <div class="segmented" role="group" aria-label="State">
        <${Choice} value="" now=${state} word="Now and to come" count=${all.filter((one) => one.status.state !== 'expired').length} />
        ${Object.entries(STATES).map(([value, { word }]) => html`<${Choice} key=${value} value=${value} now=${state} word=${word} count=${all.filter((one) => one.status.state === value).length} />`)}
      </div>
      <a class="button button-primary filters-count" href="/silences?new=1">New silence</a></div>
    <${Form} all=${all} loaded=${data !== null} />
    <${Stale} error=${data ? error : null} />
    ${!data && (error ? html`<${Failed} what="Silences" error=${error} />` : html`<${Loading} what="silences" />`)}
    ${data && shown.length === 0 && html`<${Empty} title=${search === '' && state === '' ? 'Nothing is silenced' : 'Nothing to show'} why=${search === '' ? 'Alerts are told to whom their routes say.' : 'No silence fits the filter.'} />`}
    ${shown.map((one) => html`<${One} key=${one.id} silence=${one} />`)}
  </div>`;
}

/** @param {{value: string, now: string, word: string, count: number}} props */
function Choice({ value, now, word, count }) {
  return html`<a href=${`/silences${withSearch(address.value.search, { state: value || null })}`} aria-current=${value === now ? 'true' : undefined}>${word} <span class="count">${count}</span></a>`;
}

/** Open while the address says so: `?new=1`, `?edit=ID`. @param {{all: Silence[], loaded: boolean}} props */
function Form({ all, loaded }) {
  const edit = params.value.get('edit');
  if (edit !== null) {
    if (!loaded) return null;
    const found = all.find((one) => one.id === edit);
    if (!found) return html`<p class="strip strip-warn" role="alert">There is no silence ${edit} any more. <a href="/silences">Close</a></p>`;
    return html`<${SilenceForm} key=${edit} start=${draftOfSilence(found, clock.peek())} title=${found.status.state === 'expired' ? 'Silence again' : 'Change the silence'} />`;
  }
  if (params.value.get('new') === null) return null;
  return html`<${SilenceForm} key="new" start=${draftOf(params.value, recall('author') ?? '')} title="New silence" />`;
}

/** @param {{silence: Silence}} props */
function One({ silence }) {
  const state = silence.status.state;
  const [sure, setSure] = useState(false);
  const [error, setError] = useState('');
  const expire = async () => {
    if (!sure) return setSure(true);
    try {
      await expireSilence(silence.id);
      refreshNow();
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
    }
  };
  return html`<section class="card silence" aria-label=${`Silence ${silence.id}`}>
    <div class="silence-what"><${StateMark} ...${STATES[state]} />
      <span class="chips labels">${silence.matchers.map((matcher) => {
        const text = rowText(rowOf(matcher));
        return html`<span key=${text} class="label" title=${text}>${text}</span>`;
      })}</span></div>
    <p class="silence-why">${silence.comment}</p>
    <p class="muted silence-facts">${silence.createdBy} · ${when(silence, clock.value)}</p>
    <div class="silence-do">
      <a class="button button-small" href=${`/silences?edit=${silence.id}`}>${state === 'expired' ? 'Again…' : 'Change…'}</a>
      ${state !== 'expired' && html`<button type="button" class="button button-small" onClick=${expire} onBlur=${() => setSure(false)}>${sure ? 'End it now?' : 'End'}</button>`}
      ${error !== '' && html`<span class="typed-problem" role="alert">${error}</span>`}
    </div>
  </section>`;
}

/** @param {Silence} silence @param {number} now */
function when({ status, startsAt, endsAt }, now) {
  const [start, end] = [Date.parse(startsAt), Date.parse(endsAt)];
  const span = `${formatTime(start, utc.value)} to ${formatTime(end, utc.value)}`;
  if (status.state === 'active') return `${formatDuration(Math.max(0, end - now))} left · ${span}`;
  if (status.state === 'pending') return `begins in ${formatDuration(Math.max(0, start - now))} · ${span}`;
  return `over for ${formatDuration(Math.max(0, now - end))} · ${span}`;
}

/** @param {Silence} one */
function textOf(one) {
  return `${one.matchers.map((matcher) => rowText(rowOf(matcher))).join(' ')} ${one.createdBy} ${one.comment} ${one.id}`;
}
