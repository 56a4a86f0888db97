// A text panel: Markdown or HTML made into elements one by one; the browser never reads the text as HTML.
import { html } from '../lib/html.js';
import { h } from '../vendor/preact/preact.js';
import { interpolate } from '../lib/interpolate.js';
import { parseHtml, parseRich } from '../lib/richtext.js';
import * as css from './classes.js';
import { useReport } from './report.js';

/** @param {import('./index.js').KindProps} props */
export function Text({ panel, variables, report }) {
  const mode = panel?.options?.mode ?? panel?.mode ?? 'markdown';
  const content = interpolate(panel?.options?.content ?? panel?.content ?? '', variables ?? {});
  useReport(report, { series: 0, points: 0 });
  if (mode === 'code' || mode === 'text') return html`<div class=${css.TEXT}><pre><code>${content}</code></pre></div>`;
  return html`<div class=${css.TEXT}>${(mode === 'html' ? parseHtml(content) : parseRich(content)).map(toElement)}</div>`;
}

/** @param {import('../lib/markdown.js').Node} node @returns {any} */
export function toElement(node) {
  if (typeof node === 'string') return node;
  const outside = node.tag === 'a' && /^https?:/i.test(node.props?.href ?? '') ? { target: '_blank' } : {};
  return h(node.tag, { ...node.props, ...outside }, node.children.map(toElement));
}
