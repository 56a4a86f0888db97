// What there is to say of one query: what is wrong with it, or why it gave nothing and what might be meant instead.
import { html } from '../../lib/html.js';
import { whySentence } from '../../lib/why.js';
import { utc } from '../../shell/clock.js';
import { Icon } from '../../shell/icons.js';

/** @typedef {import('../../lib/types.d.ts').TargetError} TargetError */
/** @typedef {import('../../lib/types.d.ts').Why} Why */

/** Kinds of value that have no curve, and what is done with them. @type {Record<string, string>} */
const WITHOUT_GRAPH = { matrix: 'A range of samples has no curve: the table shows the newest. For a graph, put it into rate() or avg_over_time().', string: 'A text has no curve.' };

/**
 * @param {{error: TargetError | null, said: {why: Why | null, warnings: string[]} | null, kind: string | null,
 *   onReplace: (why: Why, instead: string) => void}} props
 */
export function Said({ error, said, kind, onReplace }) {
  if (error) {
    const place = error.line === undefined ? '' : `${error.line}:${error.column} `;
    return html`<p class="query-said query-wrong" role="alert"><${Icon} name="warn" /><span><span class="mono">${place}</span>${error.message}</span></p>`;
  }
  const why = said?.why;
  if (why) {
    return html`<p class="query-said" role="status"><${Icon} name="info" /><span>${whySentence(why, utc.value)}
      ${(why.instead ?? []).map((instead) => html`<button type="button" key=${instead} class="button button-small query-instead mono" onClick=${() => onReplace(why, instead)}>${instead}</button>`)}
      ${why.kind === 'target' && html` <a href="/targets?health=down">See the targets</a>`}</span></p>`;
  }
  if (kind && WITHOUT_GRAPH[kind]) return html`<p class="query-said" role="status"><${Icon} name="info" /><span>${WITHOUT_GRAPH[kind]}</span></p>`;
  if (said && said.warnings.length > 0) return html`<p class="query-said query-warned" role="status"><${Icon} name="warn" /><span>${said.warnings.join(' ')}</span></p>`;
  return null;
}
