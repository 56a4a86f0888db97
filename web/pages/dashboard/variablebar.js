// The pickers of a dashboard's variables, and its links beside them.
import { html } from '../../lib/html.js';
import { useState } from '../../vendor/preact/hooks.js';
import { typedFilter } from '../../lib/adhoc.js';
import { ALL, HIDDEN, selectionText, toggled } from '../../lib/variables.js';
import { setParams } from '../../shell/address.js';
import { Icon } from '../../shell/icons.js';
import { Popover } from '../../shell/popover.js';
import { DashboardLinks, hasLinks } from './links.js';

/** @typedef {import('../../lib/types.d.ts').Variable} Variable */

/** Lists longer than this get a field to narrow them. */
const FILTER_FROM = 8;

/** Rows drawn; the field narrows the rest. */
const SHOWN_MAX = 200;

/** Whether there is anything to pick. @param {Variable} variable */
const isShown = (variable) => variable.hide !== HIDDEN && variable.type !== 'constant' && !(variable.type === 'datasource' && variable.options.length < 2);

/** @param {{variables: Variable[], model?: import('./model.js').Model}} props with a model: the dashboard's links too */
export function VariableBar({ variables, model }) {
  const shown = variables.filter(isShown);
  const linked = model && hasLinks(model);
  if (shown.length === 0 && !linked) return null;
  return html`<div class="variables" role="group" aria-label="Variables">${shown.map((variable) => html`<${One} key=${variable.name} variable=${variable} />`)}
    ${linked && html`<${DashboardLinks} model=${model} />`}</div>`;
}

/** @param {{variable: Variable}} props */
function One({ variable }) {
  const label = variable.hide === 1 ? null : html`<span class="variable-label">${variable.label}</span>`;
  return html`<div class="variable">${label}
    ${variable.type === 'textbox' ? html`<${TextBox} variable=${variable} />` : variable.type === 'adhoc' ? html`<${Filters} variable=${variable} />` : html`<${Picker} variable=${variable} />`}
    ${variable.error && html`<span class="variable-error" title=${variable.error}><${Icon} name="warn" /><span class="visually-hidden">${variable.error}</span></span>`}
  </div>`;
}

/** @param {Variable} variable @param {string[]} values */
const select = (variable, values) => setParams({ [`var-${variable.name}`]: values });

/** @param {{variable: Variable}} props */
function TextBox({ variable }) {
  const change = (/** @type {any} */ event) => select(variable, [event.target.value]);
  return html`<input class="field" type="text" aria-label=${variable.label} value=${variable.selected[0] ?? ''} onChange=${change} />`;
}

/** Filters on every query: each can be taken away, one can be added. @param {{variable: Variable}} props */
function Filters({ variable }) {
  // An empty entry in the address says that there are none, whatever the file remembers.
  const choose = (/** @type {string[]} */ list) => select(variable, list.length > 0 ? list : ['']);
  const add = (/** @type {any} */ event) => {
    const filter = typedFilter(event.target.value);
    event.target.setCustomValidity(filter || event.target.value === '' ? '' : 'label=value, label!=value, label=~expression or label!~expression');
    event.target.reportValidity();
    if (filter) {
      event.target.value = '';
      choose([...variable.selected, filter]);
    }
  };
  return html`${variable.selected.filter(Boolean).map((text, at) => html`<button type="button" key=${text} class="button" title="Take this filter away" onClick=${() => choose(variable.selected.filter((_, other) => other !== at))}>${text.replaceAll('|', ' ')} ×</button>`)}
    <input class="field" type="text" placeholder="label=value" aria-label=${`Add a filter to ${variable.label}`} onChange=${add} />`;
}

/** @param {{variable: Variable}} props */
function Picker({ variable }) {
  const [open, setOpen] = useState(false);
  const [words, setWords] = useState('');
  const all = variable.includeAll ? [{ text: 'All', value: ALL }, ...variable.options] : variable.options;
  const found = all.filter((option) => option.text.toLowerCase().includes(words.toLowerCase()));
  const pick = (/** @type {string} */ value) => {
    const next = variable.multi ? toggled(variable.selected, value) : [value];
    select(variable, next);
    if (!variable.multi) setOpen(false);
  };
  const text = selectionText(variable) || 'none';
  return html`<${Popover} open=${open} onToggle=${setOpen} align="start" role="listbox" label=${`${variable.label}: ${text}`} className="button variable-button"
    button=${html`<span class="variable-text">${text}</span><${Icon} name="down" />`}>
    ${all.length > FILTER_FROM && html`<input class="field picker-filter" type="text" placeholder="Narrow the list" aria-label="Narrow the list" value=${words}
      onInput=${(/** @type {any} */ e) => setWords(e.target.value)} />`}
    <div class="menu menu-scroll">
      ${found.slice(0, SHOWN_MAX).map((option) => {
        const chosen = variable.selected.includes(option.value);
        return html`<button type="button" key=${option.value} role="option" aria-selected=${chosen} onClick=${() => pick(option.value)}>
          <span class="menu-text" title=${option.text}>${option.text || 'empty'}</span>${chosen && html`<${Icon} name="check" />`}</button>`;
      })}
      ${found.length === 0 && html`<p class="muted menu-none">${all.length === 0 ? 'No values in this time range' : 'Nothing matches'}</p>`}
      ${found.length > SHOWN_MAX && html`<p class="muted menu-none">${found.length - SHOWN_MAX} more: narrow the list</p>`}
    </div>
  <//>`;
}
