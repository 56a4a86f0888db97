// Data of a page: asked for again at each beat, the old kept until the new is there, failures told apart.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { useSignalEffect, useSignal } from '../vendor/signals/signals.js';
import { ApiError } from '../lib/client.js';
import { beat } from './clock.js';

/**
 * @template T
 * @typedef {object} Resource
 * @property {T | null} data the last good answer
 * @property {ApiError | null} error why the last try failed
 * @property {boolean} first true until there is an answer or a failure
 */

/**
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {string} [key] asked anew, forgetting the old, when this changes
 * @returns {Resource<T>}
 */
export function useResource(ask, key = '') {
  const [state, setState] = useState(/** @type {Resource<T> & {key: string}} */ ({ data: null, error: null, first: true, key }));
  const wanted = useSignal(key);
  const flight = useRef(/** @type {{key: string, stop: AbortController} | null} */ (null));
  useEffect(() => {
    wanted.value = key;
  }, [key]);
  useEffect(() => () => flight.current?.stop.abort(), []);
  useSignalEffect(() => {
    beat.value;
    const about = wanted.value;
    // An answer slower than the refresh interval would never arrive if each beat gave up the one before.
    if (flight.current?.key === about) return;
    flight.current?.stop.abort();
    const mine = { key: about, stop: new AbortController() };
    flight.current = mine;
    const landed = () => {
      if (flight.current === mine) flight.current = null;
    };
    ask(mine.stop.signal).then(
      (data) => {
        landed();
        setState({ data, error: null, first: false, key: about });
      },
      (error) => {
        landed();
        if (error instanceof ApiError && error.kind === 'aborted') return;
        const known = error instanceof ApiError ? error : new ApiError('format', String(error?.message ?? error));
        setState((old) => ({ data: old.key === about ? old.data : null, error: known, first: false, key: about }));
      },
    );
  });
  return state.key === key ? state : { data: null, error: null, first: true };
}

/**
 * The same for what does not change while the page is open: asked again only after a failure.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {string} [key] asked anew, forgetting the old, when this changes
 * @returns {Resource<T>}
 */
export function useOnce(ask, key = '') {
  const held = useRef(/** @type {{key: string, data: T} | null} */ (null));
  return useResource(async (signal) => {
    if (held.current?.key !== key) held.current = { key, data: await ask(signal) };
    return held.current.data;
  }, key);
}
