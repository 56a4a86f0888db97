// How the connection to live lines stands, in a word and a shape.
import { html } from '../../lib/html.js';
import { StateMark } from '../../shell/icons.js';
import { Empty as Notice } from '../../shell/notice.js';

/** @param {{link: import('./live.js').Link, paused: boolean}} props */
export function StateOf({ link: { kind, message }, paused }) {
  if (kind === 'refused') return html`<span class="live-state"><${StateMark} kind="crit" word="Not followed" /> ${message}</span>`;
  if (kind === 'lost') return html`<span class="live-state"><${StateMark} kind="warn" word="Connection lost" /> ${message}</span>`;
  if (kind === 'asking') return html`<span class="live-state"><${StateMark} kind="none" word="Connecting" /></span>`;
  return html`<span class="live-state">${paused ? html`<${StateMark} kind="none" word="Paused" />` : html`<${StateMark} kind="ok" word="Live" />`}</span>`;
}

export function Empty() {
  return html`<${Notice} title="Nothing to follow yet" why="Write which streams: a selector, and filters if you like. Enter follows it." />`;
}
