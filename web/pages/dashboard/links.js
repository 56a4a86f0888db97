// What stands beside the variables of a dashboard: switches of its annotations, links to other dashboards and pages.
import { html } from '../../lib/html.js';
import { useEffect, useState } from '../../vendor/preact/hooks.js';
import { isOn } from '../../lib/annotations.js';
import { fetchDashboards } from '../../lib/client.js';
import { dashboardLinks } from '../../lib/links.js';
import { Icon } from '../../shell/icons.js';
import { Popover } from '../../shell/popover.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {ReturnType<typeof dashboardLinks>[number]} Link */

/** @param {Model} model whether there is anything to show */
export function hasLinks({ dashboard, annotations }) {
  return (Array.isArray(dashboard.links) && dashboard.links.length > 0) || annotations.some((one) => one.hide !== true);
}

/** @param {{model: Model}} props */
export function DashboardLinks({ model }) {
  const [entries, setEntries] = useState(/** @type {import('../../lib/types.d.ts').DashboardEntry[]} */ ([]));
  const byTags = (Array.isArray(model.dashboard.links) ? model.dashboard.links : []).some((/** @type {any} */ link) => link?.type === 'dashboards');
  useEffect(() => {
    if (!byTags) return;
    const stop = new AbortController();
    // Without the list these links are missing, and nothing else is.
    fetchDashboards({ signal: stop.signal }).then(setEntries, () => undefined);
    return () => stop.abort();
  }, [byTags]);
  // Lists that can be opened are there from the beginning, though they fill later: what stands below must not jump.
  const links = dashboardLinks(model.dashboard, model.scope(null), entries);
  return html`<div class="dashboard-links">
    ${model.annotations.filter((one) => one.hide !== true).map((one) => html`<${Switch} key=${one.name} model=${model} one=${one} />`)}
    ${links.map((link, at) => (link.many ? html`<${Many} key=${at} link=${link} />` : html`<a key=${at} class="button" href=${link.href} title=${link.tip || link.title} ...${outside(link)}>${link.title}${link.blank && html`<${Icon} name="right" />`}</a>`))}</div>`;
}

/** @param {Link} link */
const outside = ({ blank }) => (blank ? { target: '_blank', rel: 'noopener noreferrer' } : {});

/** @param {{model: Model, one: any}} props */
function Switch({ model, one }) {
  const flip = () => {
    const next = new Set(model.flipped.peek());
    if (!next.delete(String(one.name))) next.add(String(one.name));
    model.flipped.value = next;
  };
  const on = isOn(one, model.flipped.value);
  return html`<button type="button" class="button" role="switch" aria-checked=${on} title=${`Marks on the graphs: ${on ? 'shown' : 'hidden'}`} onClick=${flip}>${on && html`<${Icon} name="check" />`} ${one.name}</button>`;
}

/** @param {{link: Link}} props */
function Many({ link }) {
  const [open, setOpen] = useState(false);
  return html`<${Popover} open=${open} onToggle=${setOpen} role="menu" label=${link.title} button=${html`${link.title}<${Icon} name="down" />`}>
    <div class="menu menu-scroll">${(link.many ?? []).map((one) => html`<a key=${one.href} role="menuitem" href=${one.href} ...${outside(/** @type {Link} */ (one))}><span class="menu-text">${one.title}</span></a>`)}
      ${(link.many ?? []).length === 0 && html`<p class="muted menu-none">No dashboard has these tags</p>`}</div><//>`;
}
