// Queries that ran in this browser.
import { html } from '../../lib/html.js';
import { useState } from '../../vendor/preact/hooks.js';
import { effect, signal } from '../../vendor/signals/signals.js';
import { HISTORY_MAX } from '../../lib/explore.js';
import { hasWords } from '../../shell/search.js';
import { Icon } from '../../shell/icons.js';
import { Popover } from '../../shell/popover.js';
import { recall, remember } from '../../shell/store.js';

/** @typedef {import('../../lib/explore.js').Language} Language */

/** What each language's queries are kept under. @type {Record<Language, string>} */
const NAMES = { promql: 'explore-history', logql: 'explore-history-logql' };

/** Newest first. @type {Record<Language, import('../../vendor/signals/signals.js').Signal<string[]>>} */
export const histories = { promql: signal(read(NAMES.promql)), logql: signal(read(NAMES.logql)) };

for (const [language, list] of Object.entries(histories)) effect(() => remember(NAMES[/** @type {Language} */ (language)], JSON.stringify(list.value)));

/** @param {string} name @returns {string[]} */
function read(name) {
  try {
    const list = JSON.parse(recall(name) ?? '[]');
    return Array.isArray(list) ? list.filter((one) => typeof one === 'string').slice(0, HISTORY_MAX) : [];
  } catch {
    return [];
  }
}

/** @param {{language: Language, onPick: (expr: string) => void}} props */
export function HistoryMenu({ language, onPick }) {
  const history = histories[language];
  const [open, setOpen] = useState(false);
  const [words, setWords] = useState('');
  const found = history.value.filter((expr) => hasWords(expr, words));
  const pick = (/** @type {string} */ expr) => {
    setOpen(false);
    onPick(expr);
  };
  return html`<${Popover} open=${open} onToggle=${setOpen} align="start" label="Queries used before" className="button" button=${html`<${Icon} name="clock" /> History`}>
    <div class="history">
      ${history.value.length > 0 && html`<input class="field" type="text" placeholder="Narrow the list" aria-label="Narrow the list" value=${words} onInput=${(/** @type {any} */ event) => setWords(event.target.value)} />`}
      <div class="menu menu-scroll">${found.map((expr) => html`<button type="button" key=${expr} class="mono history-one" title=${expr} onClick=${() => pick(expr)}>${expr}</button>`)}
        ${found.length === 0 && html`<p class="muted menu-none">${history.value.length === 0 ? 'Queries that ran in this browser will be listed here.' : 'Nothing matches'}</p>`}</div>
      ${history.value.length > 0 && html`<button type="button" class="button button-small history-clear" onClick=${() => { history.value = []; setOpen(false); }}>Forget all</button>`}
    </div>
  <//>`;
}
