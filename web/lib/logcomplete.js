// What can stand at a place of a LogQL query, worked out from the words before it. Pure.
import { tokensOf, unquoted } from './logql.js';

/** @typedef {import('./logql.js').Token} Token */
/**
 * @typedef {object} Wanted
 * @property {'query' | 'label' | 'value' | 'operator' | 'stage' | 'parser' | 'field' | 'fieldValue' | 'grouping' | 'span'} what
 * @property {number} from      where the word that is being typed begins
 * @property {string} name      of the label whose value is wanted
 * @property {string} selector  of the streams it is about, without the condition that is being typed; empty when there is none
 * @property {boolean} quoted   whether the value stands inside a quoted text already
 */

/** Words behind a bar. @type {[string, string][]} */
export const STAGES = [
  ['json', 'takes the fields out of a line of JSON'],
  ['logfmt', 'takes the fields out of key=value pairs'],
  ['pattern', 'names parts of a line: "<ip> - <_> <path>"'],
  ['regexp', 'names parts of a line by (?P<name>…)'],
  ['unpack', 'takes out what Promtail has packed'],
  ['line_format', 'writes the line anew by a template'],
  ['label_format', 'renames labels or sets them by a template'],
  ['unwrap', 'makes a label the value of a metric'],
  ['drop', 'leaves out labels'],
  ['keep', 'leaves out all other labels'],
  ['decolorize', 'takes out codes of colour'],
];

/** What may stand behind a selector or a stage. @type {[string, string][]} */
export const FILTERS = [
  ['|= ""', 'lines that contain a text'],
  ['!= ""', 'lines that do not contain a text'],
  ['|~ ""', 'lines that match an expression'],
  ['!~ ""', 'lines that do not match an expression'],
  ['|> ""', 'lines like a pattern with <_>'],
  ['| json', 'fields of a line of JSON'],
  ['| logfmt', 'fields of key=value pairs'],
];

/** @type {[string, string][]} */
export const FUNCTIONS = [
  ['count_over_time', 'lines in each window'],
  ['rate', 'lines a second; of unwrapped values their sum a second'],
  ['bytes_over_time', 'bytes in each window'],
  ['bytes_rate', 'bytes a second'],
  ['absent_over_time', '1 where there is no line'],
  ['sum_over_time', 'of unwrapped values'],
  ['avg_over_time', 'of unwrapped values'],
  ['min_over_time', 'of unwrapped values'],
  ['max_over_time', 'of unwrapped values'],
  ['first_over_time', 'of unwrapped values'],
  ['last_over_time', 'of unwrapped values'],
  ['quantile_over_time', 'quantile_over_time(0.95, … | unwrap x [5m])'],
  ['stddev_over_time', 'of unwrapped values'],
  ['stdvar_over_time', 'of unwrapped values'],
  ['rate_counter', 'a second, of an unwrapped counter'],
  ['sum', 'over series'],
  ['avg', 'over series'],
  ['min', 'over series'],
  ['max', 'over series'],
  ['count', 'of series'],
  ['topk', 'the largest series'],
  ['bottomk', 'the smallest series'],
  ['stddev', 'over series'],
  ['stdvar', 'over series'],
  ['sort', 'by value'],
  ['sort_desc', 'by value, the largest first'],
  ['label_replace', 'sets a label by an expression'],
  ['vector', 'a number as a series'],
];

const OPERATORS = new Set(['=', '!=', '=~', '!~']);

/**
 * @param {string} query
 * @param {number} at the cursor
 * @returns {Wanted | null}
 */
export function wantedAt(query, at) {
  const tokens = tokensOf(query.slice(0, at)).filter(({ kind }) => kind !== 'comment');
  if (/#[^\n"`]*$/.test(query.slice(0, at)) && tokensOf(query.slice(0, at)).at(-1)?.kind === 'comment') return null;
  const last = tokens.at(-1);
  const isTyping = last !== undefined && last.to === at && (last.kind === 'word' || (last.kind === 'text' && last.open));
  const before = isTyping ? tokens.slice(0, -1) : tokens;
  const from = isTyping ? (last.kind === 'text' ? last.from + 1 : last.from) : at;
  const quoted = isTyping && last.kind === 'text';
  const brace = before.findLastIndex(({ text, kind }) => kind === 'sign' && (text === '{' || text === '}'));
  const base = { from, name: '', selector: '', quoted };
  if (brace >= 0 && before[brace].text === '{') return inSelector(before.slice(brace + 1), base);
  const selector = selectorBefore(query, before, brace);
  return behind(before, brace, { ...base, selector });
}

/** @param {Token[]} inside @param {Omit<Wanted, 'what'>} base @returns {Wanted | null} */
function inSelector(inside, base) {
  const [name, op] = inside.slice(-2);
  const others = conditions(inside.slice(0, inside.findLastIndex(({ text }) => text === ',') + 1));
  const selector = others === '' ? '' : `{${others}}`;
  const [end] = inside.slice(-1);
  if (end === undefined || end.text === ',') return base.quoted ? null : { ...base, selector, what: 'label' };
  if (end.kind === 'word') return base.quoted ? null : { ...base, what: 'operator' };
  if (name?.kind === 'word' && OPERATORS.has(op?.text)) return { ...base, selector, name: name.text, what: 'value' };
  return null;
}

/** Whole conditions, as they were written. @param {Token[]} tokens */
function conditions(tokens) {
  const out = [];
  for (let i = 0; i + 2 < tokens.length; i += 1) {
    const [name, op, value] = tokens.slice(i, i + 3);
    if (name.kind === 'word' && OPERATORS.has(op.text) && value.kind === 'text' && !value.open && unquoted(value.text) !== '') out.push(name.text + op.text + value.text);
  }
  return out.join(', ');
}

/** The selector that the place belongs to: the one before it, or for a grouping in front the one behind it. @param {string} query @param {Token[]} before @param {number} brace */
function selectorBefore(query, before, brace) {
  if (brace < 0) return /\{[^{}]*\}/.exec(query)?.[0] ?? '';
  const open = before.findLastIndex(({ text }) => text === '{');
  return open < 0 ? '' : query.slice(before[open].from, before[brace].to);
}

/** @param {Token[]} before @param {number} brace @param {Omit<Wanted, 'what'>} base @returns {Wanted | null} */
function behind(before, brace, base) {
  const end = before.at(-1);
  const paren = before.findLastIndex(({ text }) => text === '(' || text === ')');
  if (paren > 0 && before[paren].text === '(' && /^(by|without)$/i.test(before[paren - 1].text)) return base.quoted ? null : { ...base, what: 'grouping' };
  if (end?.text === '[') return base.quoted ? null : { ...base, what: 'span' };
  const isDone = before.slice(brace + 1).some(({ text }) => text === ']' || text === '[');
  if (brace < 0 || isDone) return base.quoted || isDone ? null : { ...base, what: 'query' };
  const [bar, name, op] = before.slice(-3);
  if (OPERATORS.has(op?.text ?? '') && name?.kind === 'word' && (bar?.text === '|' || /^(and|or|,)$/i.test(bar?.text ?? ''))) return { ...base, name: name.text, what: 'fieldValue' };
  if (base.quoted) return null;
  if (end?.text === '|') return { ...base, what: 'stage' };
  if (end !== undefined && /^(unwrap|drop|keep|and|or|,)$/i.test(end.text)) return { ...base, what: 'field' };
  // Behind a whole stage the next may begin; a word that is being typed there belongs to this one.
  const isWhole = end?.text === '}' || end?.kind === 'text' || end?.text === ')' || (end?.kind === 'word' && before.at(-2)?.text === '|');
  return isWhole && base.from === (end?.to ?? 0) + 1 ? { ...base, what: 'parser' } : null;
}
