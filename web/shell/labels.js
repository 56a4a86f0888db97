// Labels as small chips, in order of name; long values are cut with the whole on hover.
import { html } from '../lib/html.js';

/** @param {{labels: import('../lib/types.d.ts').Labels, without?: string[]}} props */
export function LabelChips({ labels, without = [] }) {
  const names = Object.keys(labels).filter((name) => !without.includes(name)).sort();
  return html`<span class="chips labels">${names.map((name) => html`<span key=${name} class="label" title=${`${name}="${labels[name]}"`}><span class="label-name">${name}=</span>${labels[name]}</span>`)}</span>`;
}
