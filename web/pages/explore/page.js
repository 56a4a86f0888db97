// Explore: queries on top, their answers below: a graph and a table, or lines of logs. Everything shared is in the address: language,
// queries, range, style, order of lines, whether lines are followed.
import { html } from '../../lib/html.js';
import { useEffect, useRef, useState } from '../../vendor/preact/hooks.js';
import { formatQuery } from '../../lib/client.js';
import { QUERIES_MAX, languageOf, queriesOf, refIdOf, remembered, replacedPart, saidOf } from '../../lib/explore.js';
import { FOREIGN, fromGrafanaLink, fromGraphLink } from '../../lib/explorelinks.js';
import { params, setParams } from '../../shell/address.js';
import { refreshNow } from '../../shell/clock.js';
import { Icon } from '../../shell/icons.js';
import { useKey } from '../../shell/keys.js';
import { usePage } from '../../shell/page.js';
import { Editor } from './editor.js';
import { HistoryMenu, histories } from './history.js';
import { Said } from './said.js';
import { Lines } from './lines.js';
import { Live } from './live.js';
import { Results } from './results.js';
import { useAnswers } from './answers.js';
import { useCheck } from './check.js';

/** @typedef {import('../../lib/explore.js').Language} Language */

/** What was asked last in each language: whoever switches comes back to it. @type {Record<Language, string[]>} */
const left = { promql: [], logql: [] };

export function ExplorePage() {
  usePage({ title: 'Explore', timed: true });
  // Prometheus' and Grafana's own links lead here: their parameters become ours, and Back leads to where the reader came from.
  useEffect(() => {
    const link = fromGraphLink(params.value) ?? fromGrafanaLink(params.value);
    if (!link) return;
    const old = [...params.peek().keys()].filter((name) => FOREIGN.test(name));
    setParams({ ...Object.fromEntries(old.map((name) => [name, null])), ...link }, { replace: true });
  }, [params.value]);
  const language = languageOf(params.value);
  const isLive = language === 'logql' && params.value.get('live') === 'on';
  const oldest = params.value.get('sort') === 'asc';
  const asked = queriesOf(params.value);
  const [texts, setTexts] = useState(asked);
  const written = useRef(asked);
  // Back, Forward and links change the address: then the fields follow.
  useEffect(() => {
    if (JSON.stringify(written.current) !== JSON.stringify(asked)) setTexts(asked);
    written.current = asked;
  }, [JSON.stringify(asked)]);
  const answers = useAnswers(isLive ? [] : asked, { language, oldest });
  /** Shows these in the fields, and changes the address. @param {string[]} list @param {Record<string, string | null>} [more] */
  const show = (list, more = {}) => {
    const isAsked = list.some((expr) => expr.trim() !== '');
    written.current = isAsked ? list : [''];
    setTexts(list.length > 0 ? list : ['']);
    setParams({ ...more, expr: isAsked ? list : [] });
  };
  const run = (/** @type {string[]} */ list, /** @type {Record<string, string | null>} */ more = {}) => {
    histories[language].value = remembered(histories[language].value, list);
    const isSame = JSON.stringify(list) === JSON.stringify(queriesOf(params.peek())) && Object.keys(more).length === 0;
    if (isSame) refreshNow();
    else show(list, more);
  };
  const turnTo = (/** @type {Language} */ next) => {
    if (next === language) return;
    left[language] = texts;
    show(left[next], { language: next === 'logql' ? next : null, live: null, style: null, sort: null });
  };
  const edit = (/** @type {number} */ at) => (/** @type {string} */ text) => setTexts((now) => now.map((one, i) => (i === at ? text : one)));
  const replace = (/** @type {number} */ at) => (/** @type {string} */ text) => run(texts.map((one, i) => (i === at ? text : one)));
  const onQuery = (/** @type {string} */ refId, /** @type {string} */ text) => run(asked.map((one, i) => (refIdOf(i) === refId ? text : one)));
  useKey('/', 'Edit the query', () => /** @type {HTMLElement | null} */ (document.querySelector('.explore .cm-content, .explore textarea'))?.focus());
  return html`<div class="page page-explore explore">
    <section class="queries" aria-label="Queries">
      ${texts.map((text, at) => html`<${Query} key=${`${language} ${at}`} ...${{ at, text, language, count: texts.length }} said=${answers.asked[at] === text.trim() ? saidOf(answers.results, at) : null}
        onChange=${edit(at)} onRun=${() => run(texts)} onReplace=${replace(at)} onRemove=${() => run(texts.filter((_, i) => i !== at))} />`)}
      <div class="query-tools">
        <button type="button" class="button button-primary" onClick=${() => run(texts)}>Run <kbd class="on-button">↵</kbd></button>
        ${language === 'logql' && html`<button type="button" class="button" aria-pressed=${isLive} title="Follow new lines as they come" onClick=${() => run(texts, { live: isLive ? null : 'on' })}>${isLive ? 'Stop following' : 'Follow live'}</button>`}
        <button type="button" class="button" disabled=${texts.length >= QUERIES_MAX} onClick=${() => setTexts([...texts, ''])}><${Icon} name="plus" /> Add query</button>
        <${HistoryMenu} language=${language} onPick=${(/** @type {string} */ expr) => run([...texts.slice(0, -1), expr])} />
        <${LanguageSwitch} language=${language} onTurn=${turnTo} />
      </div>
    </section>
    ${isLive ? html`<${Live} key=${asked[0]} query=${asked[0].trim()} onQuery=${onQuery} />` : language === 'logql' ? html`<${Lines} answers=${answers} oldest=${oldest} onQuery=${onQuery} />` : html`<${Results} answers=${answers} />`}
  </div>`;
}

/** @param {{language: Language, onTurn: (language: Language) => void}} props */
function LanguageSwitch({ language, onTurn }) {
  const choice = (/** @type {Language} */ name, /** @type {string} */ word) => html`<button type="button" aria-pressed=${language === name} onClick=${() => onTurn(name)}>${word}</button>`;
  return html`<div class="segmented query-language" role="group" aria-label="What is asked">${choice('promql', 'Metrics')}${choice('logql', 'Logs')}</div>`;
}

/**
 * @param {{at: number, text: string, language: Language, count: number, said: ReturnType<typeof saidOf> | null, onChange: (text: string) => void,
 *   onRun: () => void, onReplace: (text: string) => void, onRemove: () => void}} props
 */
function Query({ at, text, language, count, said, onChange, onRun, onReplace, onRemove }) {
  const check = useCheck(text, language);
  const error = check.error ?? said?.error ?? null;
  const name = count > 1 ? `Query ${refIdOf(at)}` : 'Query';
  const layout = () => formatQuery(text, language).then(onChange, () => {});
  return html`<div class="query-row">
    ${count > 1 && html`<span class="query-letter" aria-hidden="true">${refIdOf(at)}</span>`}
    <div class="query-edit">
      <${Editor} value=${text} language=${language} label=${name} error=${error} onChange=${onChange} onRun=${onRun} focused=${at === 0 && text === ''} />
      <${Said} error=${error} said=${said} kind=${check.kind} onReplace=${(/** @type {any} */ why, /** @type {string} */ instead) => onReplace(replacedPart(text, why, instead))} />
    </div>
    <button type="button" class="button button-icon only-wide" disabled=${check.error !== null || text.trim() === ''} onClick=${layout} aria-label=${`Lay out ${name.toLowerCase()}`} title="Lay the query out"><${Icon} name="format" /></button>
    ${count > 1 && html`<button type="button" class="button button-icon" onClick=${onRemove} aria-label=${`Remove ${name.toLowerCase()}`} title="Remove"><${Icon} name="close" /></button>`}
  </div>`;
}
