// Bar gauges: one bar a value between the field's ends.
import { html } from '../lib/html.js';
import { continuousColor, resolveColor } from '../lib/color.js';
import { absoluteSteps, percentOf } from '../lib/thresholds.js';
import * as css from './classes.js';
import { Linked } from './linked.js';
import { linksOf, reducedFields } from './reduced.js';
import { useReport } from './report.js';

/** @param {import('./index.js').KindProps} props */
export function BarGauge({ panel, frames, theme, variables, report }) {
  const options = panel?.options ?? {};
  const bars = reducedFields(panel, frames, theme);
  const isUpright = options.orientation === 'vertical';
  useReport(report, { series: bars.length, points: bars.filter((one) => one.value !== null).length });
  const style = { '--bar-min': `${Number(isUpright ? options.minVizWidth : options.minVizHeight) || 16}px` };
  const look = {
    theme, mode: options.displayMode ?? 'gradient', upright: isUpright, valueMode: options.valueMode ?? 'color', unfilled: options.showUnfilled !== false,
    above: options.namePlacement === 'top',
  };
  return html`<div class=${css.BARS} data-upright=${isUpright ? '' : undefined} data-above=${look.above ? '' : undefined} style=${style}>${bars.map(
    (one) => html`<${Bar} key=${one.key} ...${{ one, look, links: linksOf(one, variables ?? {}), named: options.namePlacement !== 'hidden' && (bars.length > 1 || one.field.name !== '') }} />`,
  )}</div>`;
}

/** @typedef {{theme: import('../lib/color.js').Theme, mode: string, upright: boolean, valueMode: string, unfilled: boolean, above: boolean}} Look */

/** @param {{one: import('./reduced.js').Reduced, look: Look, links: import('../lib/links.js').Link[], named: boolean}} props */
function Bar({ one, look, links, named }) {
  const { display, field, value } = one;
  const text = `${display.prefix}${display.text || '–'}${display.suffix}`;
  const share = value === null ? 0 : display.percent;
  const background = look.mode === 'basic' ? display.color : ramp(one, look, share);
  return html`<div class=${css.BAR} data-value=${value === null ? '' : String(value)} data-text=${text}>
    ${named && html`<span class=${css.BAR_NAME} title=${field.name}><${Linked} links=${links}>${field.name}<//></span>`}
    <${BarTrack} color=${background} share=${share} mode=${look.mode} upright=${look.upright} unfilled=${look.unfilled} />
    ${look.valueMode !== 'hidden' && html`<span class=${css.BAR_VALUE} style=${look.valueMode === 'text' ? {} : { color: display.color }}>${text}</span>`}</div>`;
}

/**
 * A bar filled up to a share; cells of a table have them too.
 * @param {{color: string, share: number, mode: string, upright?: boolean, unfilled?: boolean}} props color: any CSS background
 */
export function BarTrack({ color, share, mode, upright = false, unfilled = true }) {
  return html`<span class=${css.BAR_TRACK} data-mode=${mode} data-bare=${unfilled ? undefined : ''}><i class=${css.BAR_FILL}
    style=${{ [upright ? 'height' : 'width']: `${(share * 100).toFixed(2)}%`, background: color }} /></span>`;
}

/** Colours on the way to the value: one into the next, or in steps for bars of cells. @param {import('./reduced.js').Reduced} one @param {Look} look @param {number} share */
function ramp({ field, extent, display }, { theme, upright, mode: look }, share) {
  const to = upright ? 'to top' : 'to right';
  const { mode } = field.config.color;
  if (share <= 0) return display.color;
  if (continuousColor(mode, 0, theme) !== null) {
    return `linear-gradient(${to}, ${[0, 0.25, 0.5, 0.75, 1].map((at) => continuousColor(mode, at * share, theme)).join(', ')})`;
  }
  if (mode !== 'thresholds') return display.color;
  const stops = absoluteSteps(field.config.thresholds, extent.min, extent.max)
    .map((step) => ({ at: percentOf(step.value, extent.min, extent.max), color: resolveColor(step.color, theme) }))
    .filter((step) => step.at <= share);
  if (stops.length < 2) return display.color;
  const place = (/** @type {number} */ at) => `${((at / share) * 100).toFixed(1)}%`;
  const list = look === 'lcd' ? stops.map((stop, i) => `${stop.color} ${place(stop.at)} ${place(stops[i + 1]?.at ?? share)}`) : stops.map((stop) => `${stop.color} ${place(stop.at)}`);
  return `linear-gradient(${to}, ${list.join(', ')})`;
}
