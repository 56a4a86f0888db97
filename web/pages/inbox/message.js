// A Slack post, an e-mail, a webhook.
import { html } from '../../lib/html.js';
import { slackColor, slackPieces } from '../../lib/messages.js';
import { formatTime } from '../../lib/time.js';
import { utc } from '../../shell/clock.js';
import { StateMark } from '../../shell/icons.js';
import { LabelChips } from '../../shell/labels.js';
import { safe } from './incidents.js';

/** @param {{body: any, at: number}} props */
export function Post({ body, at }) {
  return html`<div class="post">
    <div class="post-who"><span class="post-face" aria-hidden="true">${(body.username || 'W').charAt(0).toUpperCase()}</span>
      <strong>${body.username || 'Watchfire'}</strong><span class="tag">APP</span>
      <span class="muted">${formatTime(at, utc.value).slice(11, 16)} in ${body.channel || 'the webhook’s channel'}</span></div>
    ${body.text && html`<p><${Marked} text=${body.text} /></p>`}
    ${(body.attachments ?? []).map((/** @type {any} */ one, /** @type {number} */ i) => html`<${Attachment} key=${i} one=${one} />`)}
  </div>`;
}

/** @param {{one: any}} props */
function Attachment({ one }) {
  return html`<div class="attachment" style=${{ borderColor: slackColor(one.color) }}>
    ${one.pretext && html`<p><${Marked} text=${one.pretext} /></p>`}
    ${one.title && html`<p class="attachment-title">${one.title_link ? html`<a href=${safe(one.title_link)} target="_blank" rel="noreferrer">${one.title}</a>` : one.title}</p>`}
    ${one.text && html`<p class="attachment-text"><${Marked} text=${one.text} /></p>`}
    ${(one.fields ?? []).length > 0 && html`<div class="attachment-fields">${one.fields.map((/** @type {any} */ field, /** @type {number} */ i) => html`<div key=${i} class=${field.short ? 'field-short' : ''}><strong>${field.title}</strong><p><${Marked} text=${String(field.value)} /></p></div>`)}</div>`}
    ${(one.actions ?? []).map((/** @type {any} */ action) => html`<a key=${action.text} class="button button-small" href=${safe(action.url ?? '')} target="_blank" rel="noreferrer">${action.text}</a>`)}
    ${one.footer && html`<p class="muted attachment-footer">${one.footer}</p>`}
  </div>`;
}

/** @param {{text: string}} props */
function Marked({ text }) {
  return slackPieces(text).map(({ kind, text: words, href }, at) => {
    if (kind === 'link') return html`<a key=${at} href=${safe(href ?? '')} target="_blank" rel="noreferrer">${words}</a>`;
    if (kind === 'bold') return html`<strong key=${at}>${words}</strong>`;
    if (kind === 'italic') return html`<em key=${at}>${words}</em>`;
    return kind === 'code' ? html`<code key=${at}>${words}</code>` : words;
  });
}

/** A mail's HTML is shown in a frame that may do nothing. @param {{body: any}} props */
export function Mail({ body }) {
  return html`<div class="mail">
    <h3 class="mail-subject">${body.subject || '(no subject)'}</h3>
    <dl class="facts mail-heads">
      <div><dt>from</dt><dd>${body.from}</dd></div><div><dt>to</dt><dd>${body.to}</dd></div></dl>
    ${body.html ? html`<iframe class="mail-frame" title="The mail" sandbox="" srcdoc=${body.html}></iframe>` : html`<pre class="mail-text">${body.text ?? ''}</pre>`}
  </div>`;
}

/** @param {{body: any}} props */
export function Webhook({ body }) {
  const alerts = body.alerts ?? [];
  return html`<div class="hook"><p class="muted">To ${body.receiver ?? 'a webhook'}${body.groupKey ? html`, about <span class="mono">${body.groupKey}</span>` : ''}</p>
    <ul>${alerts.map((/** @type {any} */ alert, /** @type {number} */ at) => html`<li key=${at}>
      <${StateMark} kind=${alert.status === 'resolved' ? 'ok' : alert.labels?.severity === 'critical' ? 'crit' : 'warn'} word=${`${alert.labels?.alertname ?? ''} ${alert.status}`} />
      <${LabelChips} labels=${alert.labels ?? {}} without=${['alertname']} />
      ${alert.annotations?.summary && html`<p class="alert-says">${alert.annotations.summary}</p>`}</li>`)}</ul>
  </div>`;
}
