// Who has an alert in hand, and the button to say that I have.
import { html } from '../../lib/html.js';
import { useState } from '../../vendor/preact/hooks.js';
import { acknowledge, unacknowledge } from '../../lib/client.js';
import { formatAgo } from '../../lib/time.js';
import { clock, refreshNow } from '../../shell/clock.js';
import { recall, remember } from '../../shell/store.js';

/** @typedef {import('../../lib/alerts.d.ts').Story} Story */

/** @param {{story: Story}} props */
export function Hand({ story }) {
  const [error, setError] = useState('');
  const [open, setOpen] = useState(false);
  const act = async (/** @type {Promise<any>} */ call) => {
    try {
      await call;
      setError('');
      setOpen(false);
      refreshNow();
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
    }
  };
  const failed = error !== '' && html`<p class="typed-problem" role="alert">${error}</p>`;
  if (story.ack) {
    const { by, comment, at } = story.ack;
    return html`<div class="hand"><span><strong>${by}</strong> has it in hand, ${formatAgo(Date.parse(at), clock.value)}${comment && html`: ${comment}`}</span>
      <button type="button" class="button button-small" onClick=${() => act(unacknowledge(story.alert))}>Give it back</button>${failed}</div>`;
  }
  if (!open) return html`<div class="hand"><button type="button" class="button button-small" onClick=${() => setOpen(true)}>I have it…</button>${failed}</div>`;
  const submit = (/** @type {any} */ event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const by = String(form.get('by') ?? '');
    remember('author', by);
    act(acknowledge(story.alert, by, String(form.get('comment') ?? '')));
  };
  return html`<form class="hand hand-form" onSubmit=${submit}>
    <input class="field" name="by" placeholder="Your name" aria-label="Your name" value=${recall('author') ?? ''} required autocomplete="name" />
    <input class="field" name="comment" placeholder="What you do about it" aria-label="What you do about it" />
    <button class="button button-primary">I have it</button>
    <button type="button" class="button" onClick=${() => setOpen(false)}>Cancel</button>
    <p class="muted hand-note">Receivers are not reminded of it any more; news and its end are told as ever.</p>${failed}
  </form>`;
}
