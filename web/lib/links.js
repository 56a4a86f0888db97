// Links of dashboards, panels, fields and cells, with what they stand on put in (dashboard specification, part 4). Pure.
import { interpolate } from './interpolate.js';
import { safeUrl } from './markdown.js';

/** @typedef {import('./interpolate.js').Variables} Variables */
/** @typedef {{title: string, href: string, blank: boolean}} Link */

/**
 * @typedef {object} LinkSubject  the value a link belongs to
 * @property {string} name              of its series or column
 * @property {Record<string, string>} labels
 * @property {string} text              as shown
 * @property {unknown} raw
 * @property {number | null} [time]     ms
 * @property {{name: string, text: string}[]} [row] the cells beside it
 */

/**
 * @param {unknown} links as in the file
 * @param {Variables} variables the dashboard's and those it has without naming them
 * @param {LinkSubject} [subject]
 * @returns {Link[]}
 */
export function resolveLinks(links, variables, subject) {
  return (Array.isArray(links) ? links : []).flatMap((link) => {
    if (typeof link?.url !== 'string' || link.url.trim() === '') return [];
    const href = safeUrl(fill(link.url, variables, subject, 'uriencode'));
    const title = fill(String(link.title ?? ''), variables, subject, 'text') || 'Open';
    return href === null ? [] : [{ title, href, blank: link.targetBlank === true }];
  });
}

const OWN = /\$\{__(field|series|value|data|cell)(?:[._]([^}:]*)|(\[[^}]*\]))?(?::(\w+))?\}|\$__cell(?:_(\d+))?\b/g;

/** @param {string} text @param {Variables} variables @param {LinkSubject | undefined} subject @param {'uriencode' | 'text'} format */
function fill(text, variables, subject, format) {
  const encode = (/** @type {string} */ value, /** @type {string | undefined} */ how) => (format === 'text' || how === 'raw' ? value : how === 'percentencode' ? encodeURIComponent(value) : encodeURI(value).replace(/[&#?+]/g, encodeURIComponent));
  const own = !subject ? text : text.replace(OWN, (whole, kind, path, bracket, how, cell) => {
    const found = kind === undefined || kind === 'cell' ? cellOf(subject, cell ?? path) : part(subject, kind, path ?? bracket ?? '');
    return found === null ? whole : encode(found, how);
  });
  // These are parts of addresses already: encoding them once more would spoil them.
  const ready = own.replace(/\$\{?(__all_variables|__url_time_range)\b\}?/g, '${$1:raw}');
  return interpolate(ready, variables, format);
}

/** `$__cell` is the cell itself, `$__cell_2` the third of its row. @param {LinkSubject} subject @param {string | undefined} place */
function cellOf(subject, place) {
  return place === undefined || place === '' ? subject.text : (subject.row?.[Number(place)]?.text ?? '');
}

/** @param {LinkSubject} subject @param {string} kind @param {string} path @returns {string | null} null: not ours to fill */
function part(subject, kind, path) {
  if (kind === 'field' || kind === 'series') {
    const label = /^labels(?:\.(.+)|\["?([^"\]]+)"?\])$/.exec(path);
    if (label) return subject.labels[label[1] ?? label[2]] ?? '';
    return path === 'labels' ? Object.entries(subject.labels).map(([key, value]) => `${key}="${value}"`).join(', ') : subject.name;
  }
  if (kind === 'value') {
    if (path === 'time') return subject.time === null || subject.time === undefined ? '' : String(subject.time);
    return path === 'text' || path === '' ? subject.text : subject.raw === null || subject.raw === undefined ? '' : String(subject.raw);
  }
  const column = /^fields(?:\.([^.[]+)|\[(?:"([^"]+)"|'([^']+)'|([^\]"']+))\])/.exec(path);
  if (!column) return null;
  const name = column[1] ?? column[2] ?? column[3] ?? column[4];
  const row = subject.row ?? [];
  return (row.find((one) => one.name === name) ?? (/^\d+$/.test(name) ? row[Number(name)] : undefined))?.text ?? '';
}

/**
 * The links of a dashboard: those written out, and those to dashboards with certain tags.
 * @param {any} dashboard
 * @param {Variables} variables
 * @param {import('./types.d.ts').DashboardEntry[]} entries all dashboards
 * @returns {(Link & {many?: Link[], tip: string})[]}
 */
export function dashboardLinks(dashboard, variables, entries) {
  const list = Array.isArray(dashboard?.links) ? dashboard.links : [];
  return list.flatMap((/** @type {any} */ link) => {
    const tail = [link?.keepTime ? '${__url_time_range:raw}' : '', link?.includeVars ? '${__all_variables:raw}' : ''].filter(Boolean).join('&');
    const follow = (/** @type {string} */ url) => safeUrl(interpolate(tail === '' ? url : `${url}${url.includes('?') ? '&' : '?'}${tail}`, variables, 'uriencode'));
    const blank = link?.targetBlank === true;
    const title = interpolate(link?.title ?? '', variables, 'text');
    const tip = interpolate(link?.tooltip ?? '', variables, 'text');
    if (link?.type === 'link') {
      const href = follow(String(link.url ?? ''));
      return href ? [{ title: title || href, href, blank, tip }] : [];
    }
    if (link?.type !== 'dashboards') return [];
    const tags = Array.isArray(link.tags) ? link.tags : [];
    const found = entries.filter((entry) => entry.uid !== dashboard.uid && tags.every((/** @type {string} */ tag) => entry.tags.includes(tag)));
    const many = found.flatMap((entry) => {
      const href = follow(entry.url);
      return href ? [{ title: entry.title, href, blank, tip: entry.description }] : [];
    });
    return link.asDropdown ? [{ title: title || 'Dashboards', href: '', blank, tip, many }] : many;
  });
}
