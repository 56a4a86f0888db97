// Asks the monitor's own parser what is wrong with a query while it is typed.
import { useEffect, useState } from '../../vendor/preact/hooks.js';
import { ApiError, parseQuery } from '../../lib/client.js';

/** A pause in typing this long is worth a question. */
const PAUSE_MS = 200;

/** @typedef {{kind: string | null, error: import('../../lib/types.d.ts').TargetError | null}} Check */

/** @type {Check} */
const NOTHING = { kind: null, error: null };

/** What the parser says of a text; nothing of an empty one, and nothing old of a new one. @param {string} text @param {string} [language] @returns {Check} */
export function useCheck(text, language = 'promql') {
  const [seen, setSeen] = useState({ text: '', language, check: NOTHING });
  useEffect(() => {
    if (text.trim() === '') return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      parseQuery(text, language, stop.signal).then(
        ({ kind = null, error = null }) => setSeen({ text, language, check: { kind, error } }),
        // A query too long to be sent is said; that the monitor is gone is said elsewhere.
        (error) => error instanceof ApiError && error.kind === 'http' && setSeen({ text, language, check: { kind: null, error: { message: error.message } } }),
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, language]);
  return seen.text === text && seen.language === language ? seen.check : NOTHING;
}
