// Changes of a LogQL query by a click: keep or leave out a value, count the lines it finds. Pure.
import { partsOf, quoted } from './logql.js';

/**
 * @typedef {object} Choice  a value of a line
 * @property {string} name
 * @property {string} value
 * @property {'stream' | 'label' | 'json' | 'logfmt'} from label: of the line alone or made by a stage; json, logfmt: still inside the text
 */

/**
 * The query that keeps only lines with a value, or leaves them out. The same choice again takes it back.
 * @param {string} query
 * @param {Choice} choice
 * @param {'=' | '!='} op
 */
export function withChoice(query, choice, op) {
  // The last part first, so that places before it stay true.
  return partsOf(query).reverse().reduce((text, part) => (choice.from === 'stream' ? inSelector(text, part, choice, op) : behindStages(text, part, choice, op)), query);
}

/** @param {string} query @param {import('./logql.js').LogPart} part @param {Choice} choice @param {'=' | '!='} op */
function inSelector(query, part, { name, value }, op) {
  const written = `${name}${op}${quoted(value)}`;
  const same = part.matchers.filter((one) => one.name === name && one.value === value && (one.op === '=' || one.op === '!='));
  const kept = part.matchers.filter((one) => !same.includes(one)).map((one) => query.slice(one.from, one.to));
  const isBack = same.some((one) => one.op === op);
  const next = isBack ? kept : [...kept, written];
  // A selector without any condition finds nothing: then the choice stays.
  const matchers = next.length === 0 ? [written] : next;
  return `${query.slice(0, part.from)}{${matchers.join(', ')}}${query.slice(part.selectorTo)}`;
}

/** @param {string} query @param {import('./logql.js').LogPart} part @param {Choice} choice @param {'=' | '!='} op */
function behindStages(query, part, { name, value, from }, op) {
  const stage = (/** @type {string} */ sign) => ` | ${name}${sign}${quoted(value)}`;
  const stages = query.slice(part.selectorTo, part.to);
  if (stages.includes(stage(op))) return query.slice(0, part.selectorTo) + stages.replace(stage(op), '') + query.slice(part.to);
  const other = stage(op === '=' ? '!=' : '=');
  if (stages.includes(other)) return query.slice(0, part.selectorTo) + stages.replace(other, stage(op)) + query.slice(part.to);
  const parser = (from === 'json' || from === 'logfmt') && !part.parsers.includes(from) ? ` | ${from}` : '';
  return query.slice(0, part.to) + parser + stage(op) + query.slice(part.to);
}

/** How many lines of each level a query finds in each span of that length; null where it asks for none. @param {string} query @param {string} span a duration */
export function volumeOf(query, span) {
  const [part] = partsOf(query);
  if (!part) return null;
  return `sum by (level, detected_level) (count_over_time(${query.slice(part.from, part.to)} | drop __error__, __error_details__ [${span}]))`;
}
