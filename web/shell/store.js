// Small choices a reader made in this browser: theme, folded rail, recent ranges, UTC.

const PREFIX = 'watchfire.';

/** @param {string} name @returns {string | null} */
export function recall(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** Storage may be full or closed; then the choice holds until the page is left. @param {string} name @param {string | null} value */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // Nothing to do: see above.
  }
}
