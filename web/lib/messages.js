// Messages of the inbox, in the words of whom they stand for. Pure.

/** @typedef {import('./alerts.d.ts').InboxMessage} InboxMessage */

/** Whom a message is for. @type {Record<string, string>} */
export const KINDS = { pagerduty: 'PagerDuty', slack: 'Slack', email: 'E-mail', webhook: 'Webhook', watchdog: 'Dead man’s switch' };

/**
 * @typedef {object} Piece of a Slack text
 * @property {'text' | 'bold' | 'italic' | 'code' | 'link'} kind
 * @property {string} text
 * @property {string} [href]
 */

/**
 * The pieces of a text in Slack's own markup: `*bold*`, `_italic_`, `` `code` ``, `<http://x|words>`.
 * @param {string} text
 * @returns {Piece[]}
 */
export function slackPieces(text) {
  /** @type {Piece[]} */
  const pieces = [];
  let at = 0;
  for (const found of text.matchAll(/<(https?:[^|>]+)(?:\|([^>]+))?>|`([^`\n]+)`|(?<![\w*])\*([^*\n]+)\*(?![\w*])|(?<!\w)_([^_\n]+)_(?!\w)/g)) {
    if (found.index > at) pieces.push({ kind: 'text', text: unescaped(text.slice(at, found.index)) });
    const [whole, href, words, code, bold, italic] = found;
    if (href) pieces.push({ kind: 'link', text: unescaped(words ?? href), href });
    else if (code) pieces.push({ kind: 'code', text: unescaped(code) });
    else if (bold) pieces.push({ kind: 'bold', text: unescaped(bold) });
    else pieces.push({ kind: 'italic', text: unescaped(italic) });
    at = found.index + whole.length;
  }
  if (at < text.length) pieces.push({ kind: 'text', text: unescaped(text.slice(at)) });
  return pieces;
}

/** @param {string} text */
const unescaped = (text) => text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');

/** The colour of an attachment: a word of Slack's, or a colour. @param {string | undefined} color */
export function slackColor(color) {
  return { danger: 'var(--crit)', warning: 'var(--warn)', good: 'var(--ok)' }[color ?? ''] ?? (/^#[0-9a-fA-F]{3,8}$/.test(color ?? '') ? color : 'var(--line)');
}

/**
 * An incident as PagerDuty would show it: the same key is the same incident, and its newest event says how it stands.
 * @typedef {{key: string, open: boolean, first: string, last: string, events: number, payload: any, client: string, clientUrl: string, links: {href: string, text: string}[]}} Incident
 */

/** @param {InboxMessage[]} messages newest first @returns {Incident[]} those that changed last first */
export function incidentsOf(messages) {
  /** @type {Map<string, Incident>} */
  const known = new Map();
  for (const { received_at, body } of messages.filter((one) => one.kind === 'pagerduty')) {
    const key = body.dedup_key ?? received_at;
    const incident = known.get(key);
    // After a resolve the same key opens another incident; those lie further back in the list.
    if (incident) {
      incident.first = received_at;
      incident.events += 1;
    } else {
      known.set(key, { key, open: body.event_action !== 'resolve', first: received_at, last: received_at, events: 1, payload: body.payload ?? {}, client: body.client ?? '', clientUrl: body.client_url ?? '', links: body.links ?? [] });
    }
  }
  return [...known.values()];
}

/** What a list says of a message, in one line. @param {InboxMessage} message */
export function titleOf({ kind, body }) {
  if (kind === 'pagerduty') return body.payload?.summary ?? body.event_action ?? '';
  if (kind === 'slack') return body.attachments?.[0]?.title ?? body.text ?? '';
  if (kind === 'email') return body.subject ?? '';
  const name = body.commonLabels?.alertname ?? body.groupLabels?.alertname ?? '';
  const firing = (body.alerts ?? []).filter((/** @type {any} */ one) => one.status === 'firing').length;
  const resolved = (body.alerts ?? []).length - firing;
  return `${name}${firing > 0 ? `, ${firing} firing` : ''}${resolved > 0 ? `, ${resolved} resolved` : ''}`;
}
