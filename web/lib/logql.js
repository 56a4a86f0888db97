// LogQL as words with places: what colours, completion, highlighting and edits of a query need. What is right and wrong only the monitor's parser says. Pure.

/**
 * @typedef {object} Token
 * @property {'text' | 'word' | 'number' | 'flag' | 'comment' | 'sign'} kind
 * @property {string} text as written
 * @property {number} from UTF-16 units
 * @property {number} to
 * @property {boolean} open a text whose closing quote is missing
 *
 * @typedef {{name: string, op: string, value: string, from: number, to: number, valueFrom: number}} LogMatcher  valueFrom: where the quoted value begins
 * @typedef {{op: string, texts: string[]}} LineFilter
 *
 * @typedef {object} LogPart  one selector with the stages behind it
 * @property {number} from
 * @property {number} selectorTo behind the closing brace
 * @property {number} to         behind the last stage
 * @property {LogMatcher[]} matchers
 * @property {LineFilter[]} filters
 * @property {string[]} parsers  those that take all fields: json, logfmt, …
 */

const TOKEN = /\s+|(?<comment>#[^\n]*)|(?<text>"(?:[^"\\\n]|\\.)*(?<double>"?)|`[^`]*(?<back>`?))|(?<flag>--[a-z-]+)|(?<word>[\p{L}_][\p{L}\p{N}_]*)|(?<number>\.?\d[\p{L}\p{N}.]*)|(?<sign>\|[=~>]|!=|!~|!>|=~|==|>=|<=|.)/uys;

/** @param {string} query @returns {Token[]} */
export function tokensOf(query) {
  /** @type {Token[]} */
  const out = [];
  const pattern = new RegExp(TOKEN);
  for (let found = pattern.exec(query); found; found = pattern.exec(query)) {
    const { comment, text, double, back, flag, word, number, sign } = found.groups ?? {};
    const kind = comment !== undefined ? 'comment' : text !== undefined ? 'text' : flag !== undefined ? 'flag' : word !== undefined ? 'word' : number !== undefined ? 'number' : sign !== undefined ? 'sign' : null;
    const open = kind === 'text' && (double ?? '') === '' && (back ?? '') === '';
    if (kind) out.push({ kind, text: found[0], from: found.index, to: pattern.lastIndex, open });
  }
  return out;
}

/** @type {Record<string, string>} */
const ESCAPES = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** The text that a quoted one stands for, closed or not. @param {string} quoted */
export function unquoted(quoted) {
  const mark = quoted[0];
  const inside = quoted.slice(1, quoted.length > 1 && quoted.endsWith(mark) ? -1 : undefined);
  if (mark === '`') return inside;
  return inside.replace(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([0-7]{3})|(.))/gis, (_whole, x, u, long, octal, one) => {
    const code = x ?? u ?? long;
    if (code !== undefined) return String.fromCodePoint(Math.min(parseInt(code, 16), 0x10ffff));
    return octal !== undefined ? String.fromCharCode(parseInt(octal, 8)) : (ESCAPES[one] ?? one);
  });
}

/** A text as LogQL writes it. @param {string} text */
export const quoted = (text) => JSON.stringify(text);

/** Signs that begin a filter of lines. */
const LINE_FILTERS = new Set(['|=', '|~', '|>', '!=', '!~', '!>']);
/** Parsers that take every field they find when nothing stands behind them. */
const PARSERS = new Set(['json', 'logfmt', 'unpack']);

/** Every selector of a query, with what is done to its lines. @param {string} query @returns {LogPart[]} */
export function partsOf(query) {
  const tokens = tokensOf(query).filter(({ kind }) => kind !== 'comment');
  /** @type {LogPart[]} */
  const parts = [];
  for (let at = 0; at < tokens.length; at += 1) {
    if (tokens[at].text !== '{') continue;
    const { matchers, next } = readSelector(tokens, at + 1);
    const end = endOfStages(tokens, next);
    const inside = tokens.slice(next, end);
    parts.push({
      from: tokens[at].from,
      selectorTo: tokens[next - 1].to,
      to: tokens[end - 1].to,
      matchers,
      filters: filtersOf(inside),
      parsers: inside.flatMap(({ kind, text }, i) => (kind === 'word' && PARSERS.has(text) && inside[i - 1]?.text === '|' && takesAll(inside[i + 1]) ? [text] : [])),
    });
    at = end - 1;
  }
  return parts;
}

/** @param {Token | undefined} next behind a parser's name */
const takesAll = (next) => next === undefined || next.kind === 'flag' || next.kind === 'sign';

/** @param {Token[]} tokens @param {number} at behind the brace @returns {{matchers: LogMatcher[], next: number}} */
function readSelector(tokens, at) {
  /** @type {LogMatcher[]} */
  const matchers = [];
  let i = at;
  for (; i < tokens.length && tokens[i].text !== '}'; i += 1) {
    const [name, op, value] = tokens.slice(i, i + 3);
    if (name?.kind !== 'word' || op?.kind !== 'sign' || value?.kind !== 'text') continue;
    matchers.push({ name: name.text, op: op.text, value: unquoted(value.text), from: name.from, to: value.to, valueFrom: value.from });
    i += 2;
  }
  return { matchers, next: Math.min(i + 1, tokens.length) };
}

/** Stages end at a window, at a parenthesis that was opened before them, and at the end. @param {Token[]} tokens @param {number} at */
function endOfStages(tokens, at) {
  let depth = 0;
  for (let i = at; i < tokens.length; i += 1) {
    const { text, kind } = tokens[i];
    if (kind !== 'sign') continue;
    if (text === '[' || (text === ')' && depth === 0)) return i;
    depth += text === '(' ? 1 : text === ')' ? -1 : 0;
  }
  return tokens.length;
}

/** Filters of lines; `!=` behind a word compares a label and is none. @param {Token[]} stages @returns {LineFilter[]} */
function filtersOf(stages) {
  /** @type {LineFilter[]} */
  const filters = [];
  stages.forEach((token, at) => {
    if (token.kind !== 'sign' || !LINE_FILTERS.has(token.text) || stages[at + 1]?.kind !== 'text') return;
    if (token.text[0] === '!' && stages[at - 1]?.kind === 'word') return;
    const texts = [unquoted(stages[at + 1].text)];
    for (let i = at + 2; stages[i]?.text === 'or' && stages[i + 1]?.kind === 'text'; i += 2) texts.push(unquoted(stages[i + 1].text));
    filters.push({ op: token.text, texts });
  });
  return filters;
}

/** A selector of exactly these labels. @param {Record<string, string>} labels */
export function selectorOf(labels) {
  return `{${Object.entries(labels).map(([name, value]) => `${name}=${quoted(value)}`).join(', ')}}`;
}
