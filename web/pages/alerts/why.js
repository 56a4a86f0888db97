// Why somebody was, or was not, told of an alert: `?why=NAME`, with `alert=` one of its name and `at=` a moment.
import { html } from '../../lib/html.js';
import { fetchWhy } from '../../lib/client.js';
import { plural } from '../../lib/format.js';
import { withSearch } from '../../lib/route.js';
import { silenceLink } from '../../lib/silences.js';
import { EVENT_KINDS, WAY_STATES, localised, routeName } from '../../lib/stories.js';
import { formatTime } from '../../lib/time.js';
import { address, params, setParams } from '../../shell/address.js';
import { clock, utc } from '../../shell/clock.js';
import { StateMark } from '../../shell/icons.js';
import { LabelChips } from '../../shell/labels.js';
import { Empty, Failed, Loading, Stale } from '../../shell/notice.js';
import { useResource } from '../../shell/resource.js';
import { Sheet } from '../../shell/sheet.js';
import { Hand } from './hand.js';

/** @typedef {import('../../lib/alerts.d.ts').Story} Story */

/** The address that opens a story. @param {string} name @param {string} [alert] @param {string} [at] */
export function whyLink(name, alert, at) {
  return address.value.pathname + withSearch(address.value.search, { why: name, alert: alert || null, at: at || null });
}

/** Open while the address says so. */
export function WhySheet() {
  const name = params.value.get('why');
  if (name === null) return null;
  return html`<${Stories} key=${name} name=${name} alert=${params.value.get('alert') ?? ''} at=${params.value.get('at') ?? ''} />`;
}

/** @param {{name: string, alert: string, at: string}} props */
function Stories({ name, alert, at }) {
  const asked = { alert: alert || undefined, at: at || undefined };
  const { data, error } = useResource((signal) => fetchWhy(name, { signal, params: asked }), `${name} ${alert} ${at}`);
  const close = () => setParams({ why: null, alert: null, at: null });
  return html`<${Sheet} title=${`Why: ${name}`} onClose=${close} wide>
    <div class="sheet-fill">
      <${Stale} error=${data ? error : null} />
      ${data ? html`<${Told} why=${data} />` : error ? html`<${Failed} what="The story" error=${error} />` : html`<${Loading} what="the story" />`}
    </div>
  <//>`;
}

/** @param {{why: import('../../lib/alerts.d.ts').Why}} props */
function Told({ why }) {
  if (why.series.length === 0) {
    const since = why.knownSince ? `, as far as the ledger knows, which begins at ${formatTime(Date.parse(why.knownSince), utc.value)}` : '';
    return html`<${Empty} title="It never fired" why=${`Nobody was told, because no alert of this name was heard of${since}. Its rule on the page Rules says whether it is true or about to be.`} />`;
  }
  return html`${!why.isNow && html`<p class="strip">As it was at ${formatTime(Date.parse(why.at), utc.value)}.</p>`}
    ${why.series.map((story) => html`<${One} key=${story.alert} story=${story} isNow=${why.isNow} />`)}`;
}

/** @param {{story: Story, isNow: boolean}} props */
function One({ story, isNow }) {
  const say = (/** @type {string} */ text) => localised(text, clock.value, utc.value);
  return html`<section class="story">
    <header class="story-head"><${LabelChips} labels=${story.labels} without=${['alertname']} />
      ${isNow && story.state === 'firing' && html`<a class="button button-small" href=${silenceLink(story.labels)}>Silence…</a>`}</header>
    <p class="story-summary">${say(story.summary)}</p>
    ${isNow && story.state === 'firing' && html`<${Hand} story=${story} />`}
    ${story.ways.map((way) => html`<div class="way" key=${way.group + way.receiver}>
      <${StateMark} ...${WAY_STATES[way.state] ?? WAY_STATES.untold} />
      <p>${say(way.text)} <span class="muted">By ${routeName(way.route)}.</span></p>
    </div>`)}
    ${story.passed.length > 0 && html`<details class="passed"><summary>${plural(story.passed.length + story.passedMore, 'route')} not taken</summary>
      <ul>${story.passed.map((one) => html`<li key=${one.route + one.receiver}><span class="mono">${routeName(one.route)}</span> to ${one.receiver}: ${one.because}</li>`)}
      ${story.passedMore > 0 && html`<li class="muted">and ${story.passedMore} more</li>`}</ul></details>`}
    <${Events} story=${story} />
  </section>`;
}

/** @param {{story: Story}} props */
function Events({ story }) {
  if (story.events.length === 0) return null;
  return html`<ol class="events" aria-label="What happened">
    ${story.events.map((event, at) => {
      const when = formatTime(Date.parse(event.at), utc.value);
      return html`<li key=${at}><time class="muted" title=${when}>${when.slice(11)}</time>
        <${StateMark} ...${EVENT_KINDS[event.kind] ?? { kind: 'none', word: event.kind }} />
        <span class="event-text">${localised(event.text, clock.value, utc.value)}</span></li>`;
    })}
  </ol>`;
}
