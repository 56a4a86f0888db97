// What a line holds: fields, labels, metadata, each with ways to filter by it and to see which values occur; and what stands around the line.
import { html } from '../lib/html.js';
import { useState } from '../vendor/preact/hooks.js';
import { exploreAddress } from '../lib/explorelinks.js';
import { formatShare, plural } from '../lib/format.js';
import { withChoice } from '../lib/logedit.js';
import { sectionsOf, statsOf } from '../lib/logfields.js';
import * as css from './classes.js';
import { Copy } from './copy.js';
import { Context } from './logcontext.js';

/** @typedef {import('../lib/loglines.js').LogLine} LogLine */
/** @typedef {import('../lib/logfields.js').LineField} LineField */
/** @typedef {import('./logline.js').Look} Look */

/** @param {{one: LogLine, look: Look}} props */
export function Details({ one, look }) {
  const [hasContext, setContext] = useState(false);
  const [counted, setCounted] = useState('');
  const sections = sectionsOf(one);
  return html`<div class=${css.LOG_DETAILS}>
    <div class=${css.LOG_TOOLS}>
      <${Copy} text=${one.line} label="Copy the line">Copy line<//>
      <button type="button" aria-pressed=${hasContext} title="The lines before and after this one in its stream, whatever the filters" onClick=${() => setContext(!hasContext)}>Lines around it</button>
    </div>
    ${hasContext && html`<${Context} one=${one} utc=${look.utc} sought=${look.queries.get(one.refId)?.sought ?? []} />`}
    ${sections.length === 0 && html`<p>The line has no labels and no fields.</p>`}
    ${sections.map(({ title, fields }) => html`<section key=${title}><h4>${title}</h4><dl>${fields.map((field) => {
      const id = `${title}/${field.name}`;
      return html`<${FieldRow} key=${id} ...${{ one, look, field, section: title }} counted=${counted === id} onCount=${() => setCounted(counted === id ? '' : id)} />`;
    })}</dl></section>`)}</div>`;
}

/** @param {{one: LogLine, look: Look, field: LineField, section: string, counted: boolean, onCount: () => void}} props */
function FieldRow({ one, look, field, section, counted, onCount }) {
  const { name, value } = field;
  return html`<div class=${css.LOG_FIELD}><dt title=${name}>${name}</dt><dd>
    <span class=${css.LOG_VALUE}>${value === '' ? html`<em>empty</em>` : value}</span>
    <span class=${css.LOG_TOOLS}>
      <${Filter} ...${{ one, look, field }} op="=" />
      <${Filter} ...${{ one, look, field }} op="!=" />
      <button type="button" aria-pressed=${counted} aria-label=${`Values of ${name}`} title=${`How often each value of ${name} occurs among the lines shown`} onClick=${onCount}>values</button>
      <${Copy} text=${value} label=${`Copy the value of ${name}`}>copy<//>
    </span>
    ${counted && html`<${Counts} lines=${look.lines} section=${section} name=${name} />`}</dd></div>`;
}

/** Keeps or leaves out the lines with a value: changes the query of the page, or leads to Explore where there is none to change. @param {{one: LogLine, look: Look, field: LineField, op: '=' | '!='}} props */
function Filter({ one, look, field: { name, value, choice }, op }) {
  const query = look.queries.get(one.refId)?.query;
  if (!choice || query === undefined) return null;
  const words = `${op === '=' ? 'Filter for' : 'Filter out'} ${name} = ${value}`;
  const changed = withChoice(query, choice, op);
  const sign = op === '=' ? '=' : '≠';
  const { onQuery } = look.logs;
  if (onQuery) return html`<button type="button" aria-label=${words} title=${words} onClick=${() => onQuery(one.refId, changed)}>${sign}</button>`;
  const { from, to } = look.timeRange;
  return html`<a href=${exploreAddress('logql', [changed], { from: String(Math.round(from)), to: String(Math.round(to)) })} aria-label=${`${words}, in Explore`} title=${`${words}, in Explore`}>${sign}</a>`;
}

/** @param {{lines: LogLine[], section: string, name: string}} props */
function Counts({ lines, section, name }) {
  const { withField, total, distinct, values } = statsOf(lines, section, name);
  const rest = withField - values.reduce((sum, { count }) => sum + count, 0);
  const rows = rest > 0 ? [...values, { value: `${distinct - values.length} other values`, count: rest, share: rest / withField }] : values;
  return html`<div class=${css.LOG_COUNTS} role="group" aria-label=${`Values of ${name}`}>
    <p>${plural(distinct, 'value')} in ${withField === total ? `all ${total}` : `${withField} of ${total}`} lines shown</p>
    ${rows.map(({ value, count, share }) => html`<div class=${css.LOG_COUNT} key=${value} style=${{ '--share': `${share * 100}%` }}>
      <span>${value === '' ? html`<em>empty</em>` : value}</span><span>${count}</span><span>${formatShare(share)}</span></div>`)}</div>`;
}
