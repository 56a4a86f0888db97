// A value that leads somewhere: a link where there is one, a short list where there are several.
import { html } from '../lib/html.js';
import * as css from './classes.js';

/** @param {{links: import('../lib/links.js').Link[], children: any}} props */
export function Linked({ links, children }) {
  if (links.length === 0) return children;
  if (links.length === 1) return html`<a class=${css.LINK} ...${attributes(links[0])} title=${links[0].title}>${children}</a>`;
  return html`<details class=${css.LINKS}><summary>${children}</summary>
    <span class=${css.LINKS_LIST}>${links.map((link, at) => html`<a key=${at} ...${attributes(link)}>${link.title}</a>`)}</span></details>`;
}

/** @param {import('../lib/links.js').Link} link */
export function attributes({ href, blank }) {
  return { href, ...(blank ? { target: '_blank', rel: 'noopener noreferrer' } : {}) };
}
