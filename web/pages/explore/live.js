// Lines as they come: followed over a websocket, with a pause, an end, and a try again after a break.
import { html } from '../../lib/html.js';
import { useEffect, useMemo, useRef, useState } from '../../vendor/preact/hooks.js';
import { retryPause } from '../../lib/backoff.js';
import { openTail } from '../../lib/loki.js';
import { panelsOf } from '../../lib/explore.js';
import { formatCount, plural } from '../../lib/format.js';
import { toFrames } from '../../lib/frames.js';
import { BACKFILL_LINES, CATCH_UP_LINES, EMPTY_TAIL, LIVE_LINES_MAX, OVERLAP_NS, tailReader, withMessages } from '../../lib/logtail.js';
import { Panel } from '../../panels/index.js';
import { setParams } from '../../shell/address.js';
import { range, utc } from '../../shell/clock.js';
import { theme } from '../../shell/theme.js';
import { useCheck } from './check.js';
import { Empty, StateOf } from './livestate.js';

/** @typedef {import('../../lib/logtail.js').Tail} Tail */
/** @typedef {import('../../lib/logtail.js').Message & {gap?: boolean}} Message */
/** @typedef {{kind: 'asking' | 'live' | 'lost' | 'refused', message: string}} Link  how the connection stands */

/** The page is drawn anew no oftener than this, however fast lines come. */
const DRAW_EVERY_MS = 250;
/** The monitor closes with this code when the query itself failed. */
const FAILED = 1011;
/** A connection that ended so often before a single message is refused, not broken. */
const REFUSALS_MAX = 3;

/** @param {{query: string, onQuery: (refId: string, query: string) => void}} props */
export function Live({ query, onQuery }) {
  const [paused, setPaused] = useState(false);
  const { kind, error } = useCheck(query, 'logql');
  const { tail, link, waiting } = useTail(kind === 'logs' ? query : '', paused);
  const wrong = error ? error.message : kind !== null && kind !== 'logs' ? 'Only lines can be followed, and this query gives numbers.' : '';
  const panel = useMemo(() => panelsOf([query], { style: '', kinds: ['logs'], language: 'logql' }).lines, [query]);
  const frames = useMemo(() => ({ ...toFrames(panel, [], {}), lines: tail.lines, state: { kind: /** @type {const} */ ('ok'), message: '' } }), [panel, tail]);
  const logs = useMemo(() => ({ onQuery, isLive: true }), [onQuery]);
  if (query === '') return html`<${Empty} />`;
  return html`<div class="live-head" role="status">
      <${StateOf} link=${wrong === '' ? link : { kind: 'refused', message: wrong }} paused=${paused} />
      <button type="button" class="button button-small" aria-pressed=${paused} onClick=${() => setPaused(!paused)}>${paused ? 'Go on' : 'Pause'}</button>
      <button type="button" class="button button-small" onClick=${() => setParams({ live: null })}>Stop</button>
      <span class="muted">${countsOf(tail, paused ? waiting : 0)}</span>
    </div>
    ${tail.dropped > 0 && html`<p class="strip strip-warn live-dropped" role="status">The monitor left out at least ${plural(tail.dropped, 'line')}: more came than this page took. Narrow the query to see them all.</p>`}
    ${tail.gaps > 0 && html`<p class="strip strip-warn" role="status">Lines are missing from the time without a connection: more than ${formatCount(CATCH_UP_LINES)} came.</p>`}
    <section class="explore-panel explore-lines" aria-label="Live lines" data-panel-title="Live lines">
      <div class="explore-inside"><${Panel} panel=${panel} frames=${frames} timeRange=${{ ...range.value, utc: utc.value }} theme=${theme.value} logs=${logs} /></div>
    </section>`;
}

/** @param {Tail} tail @param {number} waiting while the page stands still */
function countsOf({ lines, received }, waiting) {
  const kept = received > lines.length ? `, the newest ${formatCount(LIVE_LINES_MAX)} are kept` : '';
  return `${plural(received, 'line')} received${kept}${waiting > 0 ? `, ${formatCount(waiting)} more since the pause` : ''}`;
}

/**
 * Follows a query as long as it is on the page. What comes while the page is paused waits, the newest of it.
 * @param {string} query
 * @param {boolean} paused
 * @returns {{tail: Tail, link: Link, waiting: number}}
 */
function useTail(query, paused) {
  const [state, setState] = useState(/** @type {{shown: Tail, all: Tail}} */ ({ shown: EMPTY_TAIL, all: EMPTY_TAIL }));
  const [link, setLink] = useState(/** @type {Link} */ ({ kind: 'asking', message: '' }));
  const isPaused = useRef(paused);
  isPaused.current = paused;
  useEffect(() => {
    if (query === '') return undefined;
    setState({ shown: EMPTY_TAIL, all: EMPTY_TAIL });
    return follow(query, setLink, (messages) => setState(({ shown, all }) => {
      const next = withMessages(all, messages);
      return { shown: isPaused.current ? shown : next, all: next };
    }));
  }, [query]);
  useEffect(() => {
    if (!paused) setState(({ all }) => ({ shown: all, all }));
  }, [paused]);
  return { tail: state.shown, link, waiting: state.all.received - state.shown.received };
}

/**
 * @param {string} query
 * @param {(link: Link) => void} onLink
 * @param {(messages: Message[]) => void} onMessages
 * @returns {() => void} ends it
 */
function follow(query, onLink, onMessages) {
  const read = tailReader();
  /** @type {Message[]} */
  let waiting = [];
  let newest = 0n;
  let failures = 0;
  let hasEnded = false;
  /** @type {WebSocket | null} */
  let socket = null;
  let retry = 0;
  const draw = setInterval(() => {
    if (waiting.length > 0) onMessages(waiting);
    waiting = [];
  }, DRAW_EVERY_MS);
  const open = () => {
    let isAgain = newest > 0n;
    /** @type {Record<string, string>} */
    const start = isAgain ? { start: String(newest - OVERLAP_NS), limit: String(CATCH_UP_LINES) } : { limit: String(BACKFILL_LINES) };
    socket = openTail({ query, encoding_flags: 'categorize-labels', ...start });
    socket.onopen = () => {
      failures = 0;
      onLink({ kind: 'live', message: '' });
    };
    socket.onmessage = ({ data }) => {
      const message = read(String(data));
      // Lines may be dated minutes ahead; what is asked again begins no later than now.
      const now = BigInt(Date.now()) * 1_000_000n;
      newest = message.lines.reduce((high, { ns }) => (ns > now ? now : ns > high ? ns : high), newest);
      // Windows out of sight draw once a minute.
      if (waiting.reduce((count, { lines }) => count + lines.length, 0) > LIVE_LINES_MAX) waiting = (onMessages(waiting), []);
      waiting.push({ ...message, gap: isAgain && message.count >= CATCH_UP_LINES && message.lines.length === message.count });
      isAgain = false;
    };
    socket.onclose = ({ code, reason }) => {
      if (hasEnded) return;
      if (code === FAILED) return onLink({ kind: 'refused', message: reason });
      failures += 1;
      if (newest === 0n && failures >= REFUSALS_MAX) return onLink({ kind: 'refused', message: 'The monitor does not take another reader of live lines, or cannot be reached.' });
      const pause = retryPause(failures);
      onLink({ kind: 'lost', message: `again in ${pause / 1000} s` });
      retry = window.setTimeout(open, pause);
    };
  };
  open();
  return () => {
    hasEnded = true;
    clearInterval(draw);
    clearTimeout(retry);
    socket?.close();
  };
}
