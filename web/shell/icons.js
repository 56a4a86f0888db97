// Inline pictures, 20 × 20, drawn in the colour of the text beside them.
import { html } from '../lib/html.js';

/** @type {Record<string, string>} */
const PATHS = {
  home: 'M3 9.2 10 3.5l7 5.7M5 8v8.5h3.6v-4.7h2.8v4.7H15V8',
  dashboards: 'M3.5 3.5h5.6v7.2H3.5zM10.9 3.5h5.6v4.4h-5.6zM10.9 9.3h5.6v7.2h-5.6zM3.5 12.1h5.6v4.4H3.5z',
  explore: 'M3.5 5.5 7.8 10l-4.3 4.5M10.5 15h6',
  plus: 'M10 4v12M4 10h12',
  format: 'M3.5 4.5h13M6.5 8.2h10M6.5 11.8h7M3.5 15.5h13',
  edit: 'M4 13.2V16h2.8l8.6-8.6-2.8-2.8zM11.2 6l2.8 2.8',
  targets: 'M10 3.2a6.8 6.8 0 1 1 0 13.6 6.8 6.8 0 0 1 0-13.6zM10 7a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM10 1.5v3M10 15.5v3M1.5 10h3M15.5 10h3',
  alerts: 'M10 2.8a4.9 4.9 0 0 0-4.9 4.9c0 4-1.6 5.4-1.6 5.4h13s-1.6-1.4-1.6-5.4A4.9 4.9 0 0 0 10 2.8zM8.4 15.8a1.7 1.7 0 0 0 3.2 0',
  status: 'M2.5 10.5h3.2l2-5.5 3.6 10.5 2.4-7 1 2h2.8',
  clock: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM10 6.2V10l2.6 1.8',
  refresh: 'M16.2 8.2A6.5 6.5 0 0 0 4.6 6.4M4.2 3.4v3.4h3.4M3.8 11.8a6.5 6.5 0 0 0 11.6 1.8M15.8 16.6v-3.4h-3.4',
  share: 'M8.4 11.6a3 3 0 0 0 4.3 0l2.9-2.9a3 3 0 0 0-4.3-4.3l-.9.9M11.6 8.4a3 3 0 0 0-4.3 0l-2.9 2.9a3 3 0 0 0 4.3 4.3l.9-.9',
  moon: 'M16 11.8A6.6 6.6 0 0 1 8.2 4a6.6 6.6 0 1 0 7.8 7.8z',
  sun: 'M10 6.8a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4zM10 2v1.8M10 16.2V18M2 10h1.8M16.2 10H18M4.3 4.3l1.3 1.3M14.4 14.4l1.3 1.3M15.7 4.3l-1.3 1.3M5.6 14.4l-1.3 1.3',
  left: 'M12 5l-5 5 5 5',
  right: 'M8 5l5 5-5 5',
  down: 'M5.5 8 10 12.5 14.5 8',
  zoomOut: 'M8.8 3.5a5.3 5.3 0 1 1 0 10.6 5.3 5.3 0 0 1 0-10.6zM12.7 12.7l4 4M6.5 8.8h4.6',
  search: 'M8.8 3.5a5.3 5.3 0 1 1 0 10.6 5.3 5.3 0 0 1 0-10.6zM12.7 12.7l4 4',
  menu: 'M10 4.6v.1M10 10v.1M10 15.4v.1',
  info: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM10 9.2v4.4M10 6.4v.1',
  close: 'M5 5l10 10M15 5 5 15',
  expand: 'M11.5 3.5h5v5M16.2 3.8l-5 5M8.5 16.5h-5v-5M3.8 16.2l5-5',
  table: 'M3 4.5h14v11H3zM3 8.2h14M3 11.8h14M8 4.5v11',
  copy: 'M7 7h9.5v9.5H7zM13 7V3.5H3.5V13H7',
  check: 'M4.5 10.5 8.3 14.3 15.8 6',
  fold: 'M3 4h14v12H3zM7.5 4v12M13.6 7.8 11.4 10l2.2 2.2',
  unfold: 'M3 4h14v12H3zM7.5 4v12M11.2 7.8l2.2 2.2-2.2 2.2',
  warn: 'M10 3.2 17.6 16H2.4zM10 8v3.8M10 13.9v.1',
  download: 'M10 3v9M6.4 8.8 10 12.4l3.6-3.6M4 16.5h12',
  keyboard: 'M2.5 5h15v10h-15zM5.4 8v.1M8.4 8v.1M11.5 8v.1M14.6 8v.1M7 12h6',
};

/** @param {{name: string}} props a decoration: the words beside it, or the button's label, carry the meaning */
export function Icon({ name }) {
  const bold = name === 'menu' || name === 'keyboard';
  return html`<svg class="icon" viewBox="0 0 20 20" width="18" height="18" fill="none" stroke="currentColor"
    stroke-width=${bold ? 1.9 : 1.5} stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name] ?? ''} /></svg>`;
}

/** The mark: a fire on a hill. */
export function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
    <path fill="var(--ember)" d="M17 2c1 6-7 9-7 17a7 7 0 0 0 4 6c-1-4 2-6 3-9 2 3 4 5 3 9a7 7 0 0 0 4-6c0-3-1-5-2-7 0 2-1 3-2 4 0-6-1-11-3-14z" />
    <path fill="none" stroke="var(--muted)" stroke-width="2.4" stroke-linecap="round" d="M7 29h18" /></svg>`;
}

/**
 * A state as a shape and a word, so that it is read without colour: disc good, triangle warning, square bad, ring unknown.
 * @param {{kind: 'ok' | 'warn' | 'crit' | 'none', word: string}} props
 */
export function StateMark({ kind, word }) {
  const shape = {
    ok: html`<circle cx="6" cy="6" r="4.5" fill="currentColor" />`,
    warn: html`<path d="M6 1 11.5 10.5H.5z" fill="currentColor" />`,
    crit: html`<path d="M1.2 1.2h9.6v9.6H1.2z" fill="currentColor" />`,
    none: html`<circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="1.6" />`,
  }[kind];
  return html`<span class="state state-${kind}"><svg viewBox="0 0 12 12" width="11" height="11" aria-hidden="true">${shape}</svg>${word}</span>`;
}
