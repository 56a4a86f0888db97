// Explore: queries on top, their answers below as a graph and a table. Everything shared is in the address: queries, range, style.
import { html } from '../../lib/html.js';
import { useEffect, useRef, useState } from '../../vendor/preact/hooks.js';
import { formatQuery } from '../../lib/client.js';
import { QUERIES_MAX, fromGraphLink, queriesOf, refIdOf, remembered, replacedPart, saidOf } from '../../lib/explore.js';
import { params, setParams } from '../../shell/address.js';
import { refreshNow } from '../../shell/clock.js';
import { Icon } from '../../shell/icons.js';
import { useKey } from '../../shell/keys.js';
import { usePage } from '../../shell/page.js';
import { Editor } from './editor.js';
import { HistoryMenu, history } from './history.js';
import { Said } from './said.js';
import { Results } from './results.js';
import { useAnswers } from './answers.js';
import { useCheck } from './check.js';

export function ExplorePage() {
  usePage({ title: 'Explore', timed: true });
  // Prometheus' own links lead here: their parameters become ours, and Back leads to where the reader came from.
  useEffect(() => {
    const link = fromGraphLink(params.peek());
    if (!link) return;
    const old = [...params.peek().keys()].filter((name) => /^g\d+\./.test(name));
    setParams({ ...Object.fromEntries(old.map((name) => [name, null])), ...link }, { replace: true });
  }, []);
  const asked = queriesOf(params.value);
  const [texts, setTexts] = useState(asked);
  const written = useRef(asked);
  // Back, Forward and links change the address: then the fields follow.
  useEffect(() => {
    if (JSON.stringify(written.current) !== JSON.stringify(asked)) setTexts(asked);
    written.current = asked;
  }, [JSON.stringify(asked)]);
  const answers = useAnswers(asked);
  const run = (/** @type {string[]} */ list) => {
    history.value = remembered(history.value, list);
    written.current = list;
    setTexts(list);
    if (JSON.stringify(list) === JSON.stringify(queriesOf(params.peek()))) refreshNow();
    else setParams({ expr: list });
  };
  const edit = (/** @type {number} */ at) => (/** @type {string} */ text) => setTexts((now) => now.map((one, i) => (i === at ? text : one)));
  useKey('/', 'Edit the query', () => /** @type {HTMLElement | null} */ (document.querySelector('.explore .cm-content, .explore textarea'))?.focus());
  return html`<div class="page page-explore explore">
    <section class="queries" aria-label="Queries">
      ${texts.map((text, at) => html`<${Query} key=${at} at=${at} text=${text} count=${texts.length} said=${answers.asked[at] === text.trim() ? saidOf(answers.results, at) : null}
        onChange=${edit(at)} onRun=${() => run(texts)} onReplace=${(/** @type {string} */ next) => run(texts.map((one, i) => (i === at ? next : one)))}
        onRemove=${() => run(texts.filter((_, i) => i !== at))} />`)}
      <div class="query-tools">
        <button type="button" class="button button-primary" onClick=${() => run(texts)}>Run <kbd class="on-button">↵</kbd></button>
        <button type="button" class="button" disabled=${texts.length >= QUERIES_MAX} onClick=${() => setTexts([...texts, ''])}><${Icon} name="plus" /> Add query</button>
        <${HistoryMenu} onPick=${(/** @type {string} */ expr) => run([...texts.slice(0, -1), expr])} />
      </div>
    </section>
    <${Results} answers=${answers} />
  </div>`;
}

/**
 * @param {{at: number, text: string, count: number, said: ReturnType<typeof saidOf> | null, onChange: (text: string) => void,
 *   onRun: () => void, onReplace: (text: string) => void, onRemove: () => void}} props
 */
function Query({ at, text, count, said, onChange, onRun, onReplace, onRemove }) {
  const check = useCheck(text);
  const error = check.error ?? said?.error ?? null;
  const name = count > 1 ? `Query ${refIdOf(at)}` : 'Query';
  const layout = () => formatQuery(text).then(onChange, () => {});
  return html`<div class="query-row">
    ${count > 1 && html`<span class="query-letter" aria-hidden="true">${refIdOf(at)}</span>`}
    <div class="query-edit">
      <${Editor} value=${text} label=${name} error=${error} onChange=${onChange} onRun=${onRun} focused=${at === 0 && text === ''} />
      <${Said} error=${error} said=${said} kind=${check.kind} onReplace=${(/** @type {any} */ why, /** @type {string} */ instead) => onReplace(replacedPart(text, why, instead))} />
    </div>
    <button type="button" class="button button-icon only-wide" disabled=${check.error !== null || text.trim() === ''} onClick=${layout} aria-label=${`Lay out ${name.toLowerCase()}`} title="Lay the query out"><${Icon} name="format" /></button>
    ${count > 1 && html`<button type="button" class="button button-icon" onClick=${onRemove} aria-label=${`Remove ${name.toLowerCase()}`} title="Remove"><${Icon} name="close" /></button>`}
  </div>`;
}
