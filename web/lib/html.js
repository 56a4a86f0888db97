// Markup without a build step: html`<b>${x}</b>` makes preact elements.
import htm from '../vendor/htm/htm.js';
import { h } from '../vendor/preact/preact.js';

/** @typedef {import('../vendor/preact/preact.js').ComponentChildren} Children */

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);
