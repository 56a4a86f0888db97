// The refresh button and its interval.
import { html } from '../lib/html.js';
import { useState } from '../vendor/preact/hooks.js';
import { REFRESH_CHOICES } from '../lib/ranges.js';
import { paced, refreshNow, refreshText, setRefresh } from './clock.js';
import { Icon } from './icons.js';
import { Popover } from './popover.js';
import { useKey } from './keys.js';

export function RefreshControl() {
  const [open, setOpen] = useState(false);
  const current = refreshText.value;
  const choices = REFRESH_CHOICES.includes(current) ? REFRESH_CHOICES : [...REFRESH_CHOICES, current];
  useKey('r', 'Refresh now', refreshNow);
  const pick = (/** @type {string} */ interval) => {
    setRefresh(interval);
    setOpen(false);
  };
  return html`<div class="joined" role="group" aria-label="Refresh" data-paced=${paced.value}>
    <button type="button" class="button button-icon" onClick=${refreshNow} aria-label="Refresh now (r)" title="Refresh now (r)"><${Icon} name="refresh" /></button>
    <${Popover} open=${open} onToggle=${setOpen} role="menu" className="button" label=${current === 'off' ? 'Refresh is off' : `Refreshes every ${current}`}
      button=${html`<span class="refresh-word">${current === 'off' ? 'Off' : current}</span><${Icon} name="down" />`}>
      <div class="menu">${choices.map((interval) => html`<button type="button" key=${interval} role="menuitemradio" aria-checked=${interval === current}
        onClick=${() => pick(interval)}>${interval === 'off' ? 'Off' : `Every ${interval}`}${interval === current && html`<${Icon} name="check" />`}</button>`)}</div>
    <//>
  </div>`;
}
