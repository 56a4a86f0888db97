// When to try again after a failure: soon at first, then ever later, so that a troubled server is not asked without end. Pure.

/** The first pause; most failures are a restart or a moment of overload. */
export const RETRY_MS_MIN = 1_000;

/** The longest; a reader who waits longer than this has asked again by hand. */
export const RETRY_MS_MAX = 30_000;

/**
 * @param {number} failures in a row, at least one
 * @returns {number} ms until the next try
 */
export function retryPause(failures) {
  return Math.min(RETRY_MS_MIN * 2 ** (Math.max(1, failures) - 1), RETRY_MS_MAX);
}
