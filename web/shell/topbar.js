// The bar on top: where am I, which time, how fresh, and the line that is red while something critical fires.
import { html } from '../lib/html.js';
import { signal, useSignal } from '../vendor/signals/signals.js';
import { critical } from './alerts.js';
import { clock, refreshNow } from './clock.js';
import { lostSince } from './reach.js';
import { flipTheme, theme } from './theme.js';
import { formatDuration } from '../lib/time.js';
import { Icon } from './icons.js';
import { RefreshControl } from './refresh.js';
import { ShareControl } from './share.js';
import { TimePicker } from './timepicker.js';
import { useKey } from './keys.js';
import { troubles } from './trouble.js';
import { helpOpen } from './help.js';

/** What the page says about itself: its name, what it belongs to, and whether it has a time range. */
export const heading = signal({ title: '', above: /** @type {{name: string, href: string} | null} */ (null), timed: false });

export function TopBar() {
  const { title, above, timed } = heading.value;
  return html`<header class="topbar">
    <div class="topbar-row">
      <div class="topbar-name">
        ${above && html`<a class="topbar-above" href=${above.href}>${above.name}</a>${title && html`<span class="topbar-slash" aria-hidden="true">/</span>`}`}
        <h1 title=${title}>${title}</h1>
      </div>
      <div class="topbar-tools">
        ${timed && html`<${TimePicker} />`}
        <${RefreshControl} />
        <${ShareControl} timed=${timed} />
        <${ThemeButton} />
        <button type="button" class="button button-icon only-wide" onClick=${() => { helpOpen.value = true; }}
          aria-label="Keyboard shortcuts (?)" title="Keyboard shortcuts (?)"><${Icon} name="keyboard" /></button>
      </div>
    </div>
    <${CriticalLine} />
    <${TroubleStrip} />
    <${LostBanner} />
  </header>`;
}

function ThemeButton() {
  const next = theme.value === 'dark' ? 'light' : 'dark';
  useKey('d', 'Dark or light', flipTheme);
  return html`<button type="button" class="button button-icon" onClick=${flipTheme} aria-label=${`Switch to ${next} (d)`} title=${`Switch to ${next} (d)`}>
    <${Icon} name=${next === 'dark' ? 'moon' : 'sun'} /></button>`;
}

/** Keeps its place, so that nothing moves when it turns red. */
function CriticalLine() {
  const list = critical.value;
  if (list.length === 0) return html`<div class="critical-line" />`;
  const says = `${list.length} critical firing: ${[...new Set(list.map((alert) => alert.labels.alertname))].join(', ')}`;
  return html`<a class="critical-line critical-line-on" href="/alerts?state=firing" title=${says} aria-label=${says} />`;
}

/** Says what is wrong with the monitor itself, until it is not. */
function TroubleStrip() {
  if (troubles.value.length === 0) return null;
  return html`<div class="strip strip-crit" role="alert"><${Icon} name="warn" />
    <span>${troubles.value.map((text) => html`<span key=${text}>${text} </span>`)}<a href="/status">Status</a></span></div>`;
}

/** Says that the monitor is gone; goes away by itself. Lies over the page's lower edge, so that nothing moves. */
function LostBanner() {
  const busy = useSignal(false);
  const since = lostSince.value;
  if (since === null) return null;
  const retry = () => {
    busy.value = true;
    refreshNow();
    setTimeout(() => { busy.value = false; }, 600);
  };
  const gone = clock.value - since;
  return html`<div class="strip strip-crit lost" role="alert">
    <${Icon} name="warn" />
    <span class="lost-text">Monitor unreachable${gone >= 1000 ? ` for ${formatDuration(gone)}` : ''}, retrying. What you see may be out of date.</span>
    <button type="button" class="button button-small" disabled=${busy.value} onClick=${retry}>Retry now</button>
  </div>`;
}
