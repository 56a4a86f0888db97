// Completion and colours for LogQL: its own words, and names and values out of the live store.
import { fetchLoki, fetchLokiBare } from '../../lib/loki.js';
import { FILTERS, FUNCTIONS, STAGES, wantedAt } from '../../lib/logcomplete.js';
import { quoted, tokensOf } from '../../lib/logql.js';
import { keep, span } from './kept.js';

/** @typedef {import('../../lib/logcomplete.js').Wanted} Wanted */
/** @typedef {{label: string, apply: string, detail?: string}} Offer */

/** Labels that the store sets for itself. */
const INNER = /^__/;

/** Windows that people use. */
const SPANS = ['1m', '5m', '10m', '1h', '1d'];

/** Lines in which fields are looked for: the newest few tell them all, as a rule. */
const FIELD_LINES = 200;

/** @param {string} path @param {Record<string, string | undefined>} params @param {(body: any) => string[]} read */
const names = (path, params, read) => keep(['logql', path, params], () => fetchLokiBare(path, { params: { ...span(), ...params } }).then(read), []);

/** @param {string} path @param {string} selector */
const listOf = (path, selector) => keep(['logql', path, selector], () => fetchLoki(path, { params: { ...span(), query: selector || undefined } }), []);

/** Labels of streams, and with a selector the fields that its lines hold. @param {string} selector */
async function fieldsOf(selector) {
  const [labels, fields] = await Promise.all([
    listOf('/labels', selector),
    selector === '' ? [] : names('/detected_fields', { query: selector, line_limit: String(FIELD_LINES) }, (body) => (body?.fields ?? []).map((/** @type {any} */ field) => field.label)),
  ]);
  return [...new Set([...fields, ...labels])].filter((name) => !INNER.test(name));
}

/** @param {[string, string][]} list @returns {Offer[]} */
const told = (list) => list.map(([label, detail]) => ({ label, detail, apply: label }));

/** @param {string} label @returns {Offer} */
const plain = (label) => ({ label, apply: label });

/** @param {Wanted} wanted @returns {Promise<Offer[]>} */
async function offersFor({ what, name, selector, quoted: isQuoted }) {
  const value = (/** @type {string} */ text) => ({ label: text, apply: isQuoted ? quoted(text).slice(1, -1) : quoted(text) });
  switch (what) {
    case 'label':
      return (await listOf('/labels', selector)).filter((/** @type {string} */ one) => !INNER.test(one)).map((/** @type {string} */ label) => ({ label, apply: `${label}=""` }));
    case 'value':
      return (await listOf(`/label/${encodeURIComponent(name)}/values`, selector)).map(value);
    case 'fieldValue':
      return (selector === '' ? [] : await names(`/detected_field/${encodeURIComponent(name)}/values`, { query: selector, line_limit: String(FIELD_LINES) }, (body) => body?.values ?? [])).map(value);
    case 'field':
    case 'grouping':
      return (await fieldsOf(selector)).map(plain);
    case 'stage':
      return [...told(STAGES), ...(await fieldsOf(selector)).map((label) => ({ ...plain(label), detail: 'label' }))];
    case 'parser':
      return told(FILTERS);
    case 'operator':
      return told([['=', 'equal'], ['!=', 'not equal'], ['=~', 'matches'], ['!~', 'does not match']]);
    case 'span':
      return SPANS.map(plain);
    default:
      return told([['{}', 'selects streams by their labels'], ...FUNCTIONS]);
  }
}

/** @param {any} cm @returns {(context: any) => Promise<any>} */
const completeWith = (cm) => async (context) => {
  const text = context.state.doc.toString();
  const wanted = wantedAt(text, context.pos);
  if (!wanted) return null;
  const typed = text.slice(wanted.from, context.pos);
  // At the beginning everything could stand: nobody is helped by all of it until a letter is there.
  if (wanted.what === 'query' && typed === '' && !context.explicit) return null;
  const offers = await offersFor(wanted);
  const options = offers.map(({ apply, ...offer }) => ({ ...offer, apply: (/** @type {any} */ view, /** @type {any} */ _one, /** @type {number} */ from, /** @type {number} */ to) => put(cm, view, apply, from, to) }));
  return { from: wanted.from, options, validFor: wanted.quoted ? /^[^"`]*$/ : /^\w*$/ };
};

/** Puts an offer in; the cursor goes between its quotes or braces, where the next list opens. @param {any} cm @param {any} view @param {string} text @param {number} from @param {number} to */
function put(cm, view, text, from, to) {
  const isCompared = /^(""|\{\})$/.test(text.slice(-2)) && /^\s*[=!]/.test(view.state.sliceDoc(to, to + 2));
  const insert = isCompared ? text.slice(0, -3) : text;
  const isOpen = /(""|\{\})$/.test(insert);
  view.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length - (isOpen ? 1 : 0) }, userEvent: 'input.complete' });
  if (isOpen) cm.startCompletion(view);
}

/** @type {Record<string, string>} */
const COLOURS = { text: 'string', number: 'number', flag: 'number', comment: 'comment', sign: 'operator' };
const WORDS = new Set([...STAGES, ...FUNCTIONS].map(([word]) => word).concat('by', 'without', 'or', 'and', 'unless', 'on', 'ignoring', 'group_left', 'group_right', 'bool', 'offset', 'ip', 'duration', 'duration_seconds', 'bytes'));

/** A line of the editor word by word. @param {any} stream @param {{raw: boolean}} state raw: inside a text over several lines */
function token(stream, state) {
  if (state.raw) {
    state.raw = !stream.skipTo('`');
    if (state.raw) stream.skipToEnd();
    else stream.next();
    return 'string';
  }
  if (stream.eatSpace()) return null;
  const [found] = tokensOf(stream.string.slice(stream.pos));
  if (!found) {
    stream.skipToEnd();
    return null;
  }
  stream.pos += found.to;
  if (found.open && found.text[0] === '`') state.raw = true;
  return found.kind === 'word' ? (WORDS.has(found.text.toLowerCase()) ? 'keyword' : 'labelName') : COLOURS[found.kind];
}

/** @param {any} cm the editor's module */
export function logql(cm) {
  return cm.StreamLanguage.define({ name: 'logql', startState: () => ({ raw: false }), token, languageData: { closeBrackets: { brackets: ['(', '[', '{', '"', '`'] }, commentTokens: { line: '#' }, autocomplete: completeWith(cm) } });
}
