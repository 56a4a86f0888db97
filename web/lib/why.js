// Why an answer is empty, in words for the reader. Pure.
import { formatTimeShort } from './time.js';

/** @typedef {import('./types.d.ts').Why} Why */

/** The sentence, with the moment in the reader's own time. @param {Why} why @param {boolean} utc */
export function whySentence(why, utc) {
  return why.at_ms === undefined ? why.message : why.message.replace('{at}', formatTimeShort(Math.floor(why.at_ms / 1000) * 1000, utc));
}

/**
 * The first reason among the answers of a panel, when all of them are empty.
 * @param {import('./types.d.ts').TargetResult[]} results
 * @param {boolean} utc
 */
export function whyEmpty(results, utc) {
  if (results.some((result) => (result.series?.length ?? 0) > 0)) return null;
  const found = results.find((result) => result.why)?.why;
  return found ? whySentence(found, utc) : null;
}

/** The first error of a panel's queries with its place in the query, as compilers write it. @param {import('./types.d.ts').TargetResult[]} results */
export function placedError(results) {
  const error = results.find((result) => result.error)?.error;
  return error?.line === undefined ? null : `${error.line}:${error.column}: ${error.message}`;
}
