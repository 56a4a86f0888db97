// Colours: Grafana's names and classic palette for both themes, continuous scales, and our own even ramp for heatmaps.
import { SCHEMES } from './schemes.js';

/** @typedef {'dark' | 'light'} Theme */

/** Five shades a hue, from super-light to dark. @type {Record<Theme, Record<string, string[]>>} */
const HUES = {
  dark: {
    red: ['FFA6B0', 'FF7383', 'F2495C', 'E02F44', 'C4162A'], orange: ['FFCB7D', 'FFB357', 'FF9830', 'FF780A', 'FA6400'],
    yellow: ['FFF899', 'FFEE52', 'FADE2A', 'F2CC0C', 'E0B400'], green: ['C8F2C2', '96D98D', '73BF69', '56A64B', '37872D'],
    blue: ['C0D8FF', '8AB8FF', '5794F2', '3274D9', '1F60C4'], purple: ['DEB6F2', 'CA95E5', 'B877D9', 'A352CC', '8F3BB8'],
  },
  light: {
    red: ['FF7383', 'F2495C', 'E02F44', 'C4162A', 'AD0317'], orange: ['FFB357', 'FF9830', 'FF780A', 'FA6400', 'E55400'],
    yellow: ['FFEE52', 'FADE2A', 'F2CC0C', 'E0B400', 'CC9D00'], green: ['96D98D', '73BF69', '56A64B', '37872D', '19730E'],
    blue: ['8AB8FF', '5794F2', '3274D9', '1F60C4', '1250B0'], purple: ['CA95E5', 'B877D9', 'A352CC', '8F3BB8', '7C2EA3'],
  },
};

const SHADES = ['super-light', 'light', '', 'semi-dark', 'dark'];

/** The tokens of the style sheet that drawings need as numbers: panel surface, lines, text, accent. @type {Record<Theme, Record<'surface' | 'line' | 'text' | 'muted' | 'ember', string>>} */
export const TOKENS = {
  dark: { surface: '#161a20', line: '#2a313b', text: '#e6e9ee', muted: '#9aa4b2', ember: '#ff8a3d' },
  light: { surface: '#ffffff', line: '#dfe3e8', text: '#1b2129', muted: '#5a6573', ember: '#c9560c' },
};

const CLASSIC = (
  'green semi-dark-yellow light-blue semi-dark-orange red blue purple #705DA0 dark-green yellow ' +
  '#447EBC #C15C17 #890F02 #0A437C #6D1F62 #584477 #B7DBAB #F4D598 #70DBED #F9BA8F #F29191 #82B5D8 #E5A8E2 #AEA2E0 #629E51 #E5AC0E #64B0C8 #E0752D #BF1B00 ' +
  '#0A50A1 #962D82 #614D93 #9AC48A #F2C96D #65C5DB #F9934E #EA6460 #5195CE #D683CE #806EB7 #3F6833 #967302 #2F575E #99440A #58140C #052B51 #511749 #3F2B5B ' +
  '#E0F9D7 #FCEACA #CFFAFF #F9E2D2 #FCE2DE #BADFF4 #F9D9F9 #DEDAF7'
).split(' ');

/** Colours before the palette repeats. */
export const PALETTE_SIZE = CLASSIC.length;

/**
 * The colour of the n-th series.
 * @param {number} index
 * @param {Theme} theme
 * @returns {string}
 */
export function paletteColor(index, theme) {
  return resolveColor(CLASSIC[index % CLASSIC.length], theme);
}

/** The same name always gets the same colour. @param {string} name @param {Theme} theme */
export function paletteColorByName(name, theme) {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash * 31 + name.charCodeAt(i)) | 0;
  return paletteColor(Math.abs(hash), theme);
}

/**
 * A Grafana colour name, hex, rgb() or CSS name as a CSS colour. The six hue names mean the theme's shade.
 * @param {unknown} name
 * @param {Theme} theme
 * @returns {string}
 */
export function resolveColor(name, theme) {
  const text = String(name ?? '').trim().toLowerCase();
  if (text.startsWith('#') || text.startsWith('rgb') || text.startsWith('hsl')) return text;
  if (text === 'transparent') return 'rgba(0,0,0,0)';
  if (text === 'text') return TOKENS[theme].text;
  if (text === 'panel-bg') return TOKENS[theme].surface;
  const found = /^(?:(super-light|light|semi-dark|dark)-)?(red|orange|yellow|green|blue|purple)$/.exec(text);
  if (found) return `#${HUES[theme][found[2]][SHADES.indexOf(found[1] ?? '')]}`.toLowerCase();
  return /^[a-z]+$/.test(text) ? text : '#808080';
}

/**
 * @param {string} color hex or rgb(); anything else counts as grey
 * @returns {[number, number, number]} 0…255
 */
export function toRgb(color) {
  const hex = /^#([0-9a-f]{3,8})$/i.exec(color.trim());
  if (hex) {
    const wide = hex[1].length < 6 ? [...hex[1]].map((c) => c + c).join('') : hex[1];
    const part = (/** @type {number} */ at) => parseInt(wide.slice(at, at + 2), 16);
    return [part(0), part(2), part(4)];
  }
  const rgb = /^rgba?\(\s*([\d.]+)[\s,]+([\d.]+)[\s,]+([\d.]+)/i.exec(color.trim());
  return rgb ? [Number(rgb[1]), Number(rgb[2]), Number(rgb[3])] : [128, 128, 128];
}

/** @param {ReadonlyArray<number>} rgb */
function toHex(rgb) {
  return `#${rgb.map((c) => Math.round(Math.min(255, Math.max(0, c))).toString(16).padStart(2, '0')).join('')}`;
}

/**
 * The same colour, see-through. Colours we cannot read (CSS names) are left to color-mix.
 * @param {string} color
 * @param {number} alpha 0…1
 * @returns {string}
 */
export function withAlpha(color, alpha) {
  if (!/^(#|rgb)/i.test(color)) return `color-mix(in srgb, ${color} ${Math.round(alpha * 100)}%, transparent)`;
  const own = /^rgba\(.*?([\d.]+)\s*\)$/i.exec(color);
  return `rgba(${toRgb(color).join(',')},${Number((alpha * (own ? Number(own[1]) : 1)).toFixed(3))})`;
}

/** Black or white, whichever is read more easily on the colour. @param {string} background */
export function readableOn(background) {
  const [r, g, b] = toRgb(background).map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.2 ? '#10141a' : '#ffffff';
}

/** @type {Record<string, string[]>} */
const CONTINUOUS = {
  'continuous-GrYlRd': ['green', 'yellow', 'red'], 'continuous-RdYlGr': ['red', 'yellow', 'green'], 'continuous-YlRd': ['super-light-yellow', 'dark-red'],
  'continuous-BlYlRd': ['dark-blue', 'super-light-yellow', 'dark-red'], 'continuous-BlPu': ['blue', 'purple'], 'continuous-YlBl': ['super-light-yellow', 'dark-blue'],
  'continuous-blues': ['panel-bg', 'dark-blue'], 'continuous-reds': ['panel-bg', 'dark-red'], 'continuous-greens': ['panel-bg', 'dark-green'],
  'continuous-purples': ['panel-bg', 'dark-purple'],
};

/**
 * A colour of a continuous mode; null when the mode is none of them.
 * @param {string} mode
 * @param {number} percent 0…1
 * @param {Theme} theme
 * @returns {string | null}
 */
export function continuousColor(mode, percent, theme) {
  if (Object.hasOwn(CONTINUOUS, mode)) return mix(CONTINUOUS[mode].map((name) => resolveColor(name, theme)), percent);
  return Object.hasOwn(SCHEMES, mode) ? mix(SCHEMES[mode], percent) : null;
}

/** @param {string[]} stops @param {number} at 0…1 */
function mix(stops, at) {
  const place = Math.min(1, Math.max(0, at)) * (stops.length - 1);
  const left = Math.min(Math.floor(place), stops.length - 2);
  const [a, b] = [toRgb(stops[left]), toRgb(stops[left + 1])];
  return toHex(a.map((c, i) => c + (b[i] - c) * (place - left)));
}

/** @param {string} color @returns {number[]} OKLab */
function toOklab(color) {
  const [r, g, b] = toRgb(color).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

/** @param {number[]} lab */
function fromOklab([lightness, a, b]) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s, -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s, -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s];
  return toHex(linear.map((c) => 255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055)));
}

/**
 * The colours of a heatmap. Our own ramp (also for Grafana's default, "Oranges") goes from the panel's surface to ember and past it in even steps of
 * perceived lightness; named schemes are Grafana's.
 * @param {string | null | undefined} scheme
 * @param {number} steps
 * @param {Theme} theme
 * @param {boolean} [reverse]
 * @returns {string[]}
 */
export function heatmapPalette(scheme, steps, theme, reverse = false) {
  const name = scheme ?? 'Oranges';
  const known = name !== 'Oranges' && Object.hasOwn(SCHEMES, name);
  const flip = known && (/^(Spectral|RdYl|RdBu)/.test(name) || (theme === 'dark') === /^(Blues|Greens|Reds|Purples|Greys|OrRd|Yl|Bu|Gn|Pu)/.test(name)) !== reverse;
  const last = Math.max(1, steps - 1);
  return Array.from({ length: Math.max(2, steps) }, (_, i) => {
    const at = i / last;
    return known ? mix(SCHEMES[name], flip ? 1 - at : at) : emberRamp(reverse ? 1 - at : at, theme);
  });
}

/** From near the surface (never equal to it: a painted cell must show) over ember to its bright or deep end. @param {number} at @param {Theme} theme */
function emberRamp(at, theme) {
  const stops = theme === 'dark' ? ['#472b1a', TOKENS.dark.ember, '#ffe3c2'] : ['#fde8d7', TOKENS.light.ember, '#4f1d00'];
  const labs = stops.map(toOklab);
  // Even in lightness: the middle stop sits where its own lightness lies between the ends.
  const middle = (labs[1][0] - labs[0][0]) / (labs[2][0] - labs[0][0]);
  const upper = at > middle;
  const [a, b] = upper ? [labs[1], labs[2]] : [labs[0], labs[1]];
  const share = upper ? (at - middle) / (1 - middle) : at / middle;
  return fromOklab(a.map((c, i) => c + (b[i] - c) * share));
}
