// The routing tree, drawn: who is told of what, when, and a test of each receiver.
import { html } from '../../lib/html.js';
import { useState } from '../../vendor/preact/hooks.js';
import { fetchRoutes, testReceiver } from '../../lib/client.js';
import { plural } from '../../lib/format.js';
import { formatTimer } from '../../lib/stories.js';
import { StateMark } from '../../shell/icons.js';
import { Failed, Loading, Stale } from '../../shell/notice.js';
import { usePage } from '../../shell/page.js';
import { useResource } from '../../shell/resource.js';
import { AlertTabs } from './tabs.js';

/** @typedef {import('../../lib/alerts.d.ts').RouteNode} RouteNode */
/** @typedef {import('../../lib/alerts.d.ts').TestedCall} TestedCall */

export function RoutesPage() {
  usePage({ title: 'Routing', above: { name: 'Alerts', href: '/alerts' }, refresh: '10s' });
  const { data, error } = useResource((signal) => fetchRoutes({ signal }));
  return html`<div class="page"><${AlertTabs} />
    <p class="muted routes-how">An alert goes down from the root. At each node it takes the first branch whose conditions hold; where a branch says “goes on”, later ones are tried too. Where no branch takes it, the node itself tells its receiver.</p>
    <${Stale} error=${data ? error : null} />
    ${data ? html`<ul class="tree"><${Node} node=${data} root /></ul>` : error ? html`<${Failed} what="The routing tree" error=${error} />` : html`<${Loading} what="the routing tree" rows=${5} />`}
  </div>`;
}

/** @param {{node: RouteNode, root?: boolean}} props */
function Node({ node, root }) {
  return html`<li class="tree-node">
    <div class=${node.alerts > 0 ? 'tree-card tree-busy' : 'tree-card'}>
      <div class="tree-line">
        <span class="tree-match">${root ? html`<span class="muted">all alerts</span>` : node.matchers.length === 0 ? html`<span class="muted">whatever comes here</span>` : node.matchers.map((text) => html`<code key=${text} class="label">${text}</code>`)}</span>
        <span class="tree-arrow" aria-label="tells">→</span>
        <strong>${node.receiver}</strong>
        <span class="muted">${node.integrations.length > 0 ? node.integrations.join(', ') : 'tells nobody'}</span>
        ${node.alerts > 0 && html`<${StateMark} kind="warn" word=${plural(node.alerts, 'alert')} />`}
        ${node.integrations.length > 0 && html`<${Test} receiver=${node.receiver} />`}
      </div>
      <p class="tree-facts muted">${facts(node)}</p>
    </div>
    ${node.routes.length > 0 && html`<ul>${node.routes.map((child, at) => html`<${Node} key=${at} node=${child} />`)}</ul>`}
  </li>`;
}

/** @param {RouteNode} node */
function facts(node) {
  const by = node.groupBy.length === 0 ? 'all in one message' : node.groupBy[0] === '...' ? 'each alert by itself' : `together by ${node.groupBy.join(', ')}`;
  const parts = [by, `first after ${formatTimer(node.groupWaitMs)}`, `news after ${formatTimer(node.groupIntervalMs)}`, `again after ${formatTimer(node.repeatIntervalMs)}`];
  if (node.continues) parts.push('goes on to later branches');
  if (node.mute.length > 0) parts.push(`muted in ${node.mute.join(', ')}`);
  if (node.active.length > 0) parts.push(`only in ${node.active.join(', ')}`);
  return parts.join(' · ');
}

/** Sends a test message and shows what the receiver answers. @param {{receiver: string}} props */
function Test({ receiver }) {
  const [state, setState] = useState(/** @type {{busy: boolean, error: string, calls: TestedCall[]}} */ ({ busy: false, error: '', calls: [] }));
  const run = async () => {
    setState({ busy: true, error: '', calls: [] });
    try {
      const { calls } = await testReceiver(receiver);
      setState({ busy: false, error: '', calls });
    } catch (cause) {
      setState({ busy: false, error: cause instanceof Error ? cause.message : String(cause), calls: [] });
    }
  };
  return html`<button type="button" class="button button-small tree-test" disabled=${state.busy} onClick=${run} title="Sends a message that says it is a test">${state.busy ? 'Sending…' : 'Send a test'}</button>
    ${(state.error !== '' || state.calls.length > 0) && html`<ul class="tested" role="status">
      ${state.error !== '' && html`<li><${StateMark} kind="crit" word=${state.error} /></li>`}
      ${state.calls.map((one, at) => html`<li key=${at}><${StateMark} kind=${one.taken ? 'ok' : 'crit'} word=${one.taken ? 'Taken' : 'Not taken'} />
        <span class="muted">${one.integration}, ${one.status === 'firing' ? 'the alert' : 'its end'}, ${one.tookMs} ms</span>
        <span class="mono tested-answer">${one.taken && one.code !== null ? `${one.code} ` : ''}${one.answer}</span></li>`)}
    </ul>`}`;
}
