// Rounds of queries that the monitor sends by itself, until either side ends it.
import { ApiError, postStreamed } from './client.js';
import { eventReader } from './eventstream.js';

/** @typedef {import('./types.d.ts').TargetResult} TargetResult */

/** Something comes every 15 s; after three times that long the other side is gone without a word. */
const SILENCE_MS = 45_000;

/**
 * @param {ReturnType<typeof import('./live.js').liveRequest>} request
 * @param {(elapsedMs: number, results: TargetResult[]) => void} onRound each with all its answers, also those that stay the same
 * @param {() => void} onOpen
 * @param {AbortSignal} signal
 * @returns {Promise<void>} until the monitor has ended it
 */
export async function followRounds(request, onRound, onOpen, signal) {
  const silence = new AbortController();
  const heard = eventReader();
  /** @type {Map<string, TargetResult>} */
  const last = new Map();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const onText = (/** @type {string} */ text) => {
    if (text === '') onOpen();
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
    for (const { name, data } of heard(text)) {
      const said = JSON.parse(data);
      if (name !== 'round') throw new ApiError('http', said.message ?? 'the monitor ended the stream');
      onRound(said.elapsed_ms, said.results.map((/** @type {TargetResult} */ result) => remembered(last, result)));
    }
  };
  try {
    await postStreamed('/api/ui/stream', request, onText, AbortSignal.any([signal, silence.signal]));
  } catch (error) {
    if (!silence.signal.aborted) throw error;
    throw new ApiError('timeout', `nothing came for ${SILENCE_MS / 1000} s`);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {Map<string, TargetResult>} last @param {TargetResult} result */
function remembered(last, result) {
  if (result.same) return last.get(result.id) ?? result;
  last.set(result.id, result);
  return result;
}
