// Bar gauges: one bar a value between the field's ends.
import { html } from '../lib/html.js';
import { continuousColor, resolveColor } from '../lib/color.js';
import { absoluteSteps, percentOf } from '../lib/thresholds.js';
import * as css from './classes.js';
import { reducedFields } from './reduced.js';
import { useReport } from './report.js';

/** @param {import('./index.js').KindProps} props */
export function BarGauge({ panel, frames, theme, report }) {
  const options = panel?.options ?? {};
  const bars = reducedFields(panel, frames, theme);
  const isUpright = options.orientation === 'vertical';
  useReport(report, { series: bars.length, points: bars.filter((one) => one.value !== null).length });
  return html`<div class=${css.BARS} data-upright=${isUpright ? '' : undefined}>${bars.map(
    (one) => html`<${Bar} key=${one.key} one=${one} theme=${theme} mode=${options.displayMode ?? 'gradient'}
    upright=${isUpright} named=${options.namePlacement !== 'hidden' && (bars.length > 1 || one.field.name !== '')} valueMode=${options.valueMode ?? 'color'} />`,
  )}</div>`;
}

/** @param {{one: import('./reduced.js').Reduced, theme: import('../lib/color.js').Theme, mode: string, upright: boolean, named: boolean, valueMode: string}} props */
function Bar({ one, theme, mode, upright, named, valueMode }) {
  const { display, field, value } = one;
  const text = `${display.prefix}${display.text || '–'}${display.suffix}`;
  const share = value === null ? 0 : display.percent;
  const length = `${(share * 100).toFixed(2)}%`;
  const background = mode === 'gradient' ? gradient(one, theme, share, upright) : display.color;
  return html`<div class=${css.BAR} data-value=${value === null ? '' : String(value)} data-text=${text}>
    ${named && html`<span class=${css.BAR_NAME} title=${field.name}>${field.name}</span>`}
    <span class=${css.BAR_TRACK} data-mode=${mode}><i class=${css.BAR_FILL} style=${{ [upright ? 'height' : 'width']: length, background }} /></span>
    ${valueMode !== 'hidden' && html`<span class=${css.BAR_VALUE} style=${valueMode === 'text' ? {} : { color: display.color }}>${text}</span>`}</div>`;
}

/** Colours on the way to the value. @param {import('./reduced.js').Reduced} one @param {import('../lib/color.js').Theme} theme @param {number} share @param {boolean} upright */
function gradient({ field, extent, display }, theme, share, upright) {
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
  return stops.length < 2
    ? display.color
    : `linear-gradient(${to}, ${stops.map((stop) => `${stop.color} ${((stop.at / share) * 100).toFixed(1)}%`).join(', ')})`;
}
