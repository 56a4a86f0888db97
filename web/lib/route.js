// Addresses: which page a path is, and how an address changes when one parameter does. Pure.

/** @typedef {{page: string, uid: string}} Match */

/** Paths without arguments. @type {Record<string, string>} */
const PAGES = {
  '/': 'home',
  '/dashboards': 'dashboards',
  '/explore': 'explore',
  '/targets': 'targets',
  '/alerts': 'alerts',
  '/alerts/history': 'history',
  '/alerts/routes': 'routes',
  '/silences': 'silences',
  '/inbox': 'inbox',
  '/status': 'status',
};

/** Parameters that go along when the reader moves to another page. The refresh stays: each page has its own. */
const KEPT = ['from', 'to'];

/** The page of a path; `lost` where there is none. @param {string} path @returns {Match} */
export function matchPath(path) {
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') : path;
  const page = PAGES[trimmed];
  if (page) return { page, uid: '' };
  const dashboard = /^\/d\/([^/]+)(?:\/[^/]*)?$/.exec(trimmed);
  return dashboard ? { page: 'dashboard', uid: decode(dashboard[1]) } : { page: 'lost', uid: '' };
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * A query string with some parameters set, added to or (null, empty list) removed.
 * @param {string} search
 * @param {Record<string, string | string[] | null>} changes
 */
export function withSearch(search, changes) {
  const params = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    params.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) if (one !== null) params.append(name, one);
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

/** The link to another page that keeps the reader's time range. @param {string} path @param {string} search */
export function withRange(path, search) {
  const here = new URLSearchParams(search);
  const kept = new URLSearchParams();
  for (const name of KEPT) {
    const value = here.get(name);
    if (value !== null) kept.set(name, value);
  }
  const text = kept.toString();
  return text === '' ? path : `${path}?${text}`;
}
