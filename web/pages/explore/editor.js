// One query, edited: CodeMirror once it is there, a plain field until then and where it cannot be loaded.
import { html } from '../../lib/html.js';
import { useEffect, useRef, useState } from '../../vendor/preact/hooks.js';
import { unitOf } from '../../lib/explore.js';
import { completionClient } from './completion.js';
import { logql } from './logcompletion.js';

/** @typedef {import('../../lib/types.d.ts').TargetError} TargetError */

/** Loaded at the first editor and kept: it is larger than all the rest. @type {Promise<any> | null} */
let loading = null;

function load() {
  loading ??= import('../../vendor/codemirror/codemirror.js');
  return loading;
}

/**
 * @typedef {object} EditorProps
 * @property {string} value
 * @property {string} label for who cannot see it
 * @property {TargetError | null} error underlined at its place
 * @property {(text: string) => void} onChange
 * @property {() => void} onRun
 * @property {boolean} [focused] takes the focus when it appears
 * @property {'promql' | 'logql'} [language] an editor keeps the one it began with
 */

/** Where nothing is written yet. */
const EXAMPLES = {
  promql: 'A PromQL expression, such as sum by (job) (rate(http_requests_total[5m]))',
  logql: 'A LogQL query, such as {job="flask-app"} |= "ERROR"',
};

/** @param {EditorProps} props */
export function Editor(props) {
  const host = useRef(/** @type {HTMLElement | null} */ (null));
  const view = useRef(/** @type {any} */ (null));
  const latest = useRef(props);
  latest.current = props;
  // What the editor said comes back as its value, late while somebody types fast: only a text that it never said is news to it.
  const mine = useRef(/** @type {Set<string>} */ (new Set()));
  const [parts, setParts] = useState(/** @type {any} */ (null));
  useEffect(() => {
    let gone = false;
    load().then((loaded) => !gone && setParts(loaded), () => {
      loading = null;
    });
    return () => {
      gone = true;
    };
  }, []);
  useEffect(() => {
    if (!parts || !host.current) return undefined;
    const made = create(parts, host.current, latest, mine.current);
    view.current = made;
    if (latest.current.focused) made.focus();
    return () => {
      view.current = null;
      made.destroy();
    };
  }, [parts]);
  useEffect(() => {
    const now = view.current;
    if (!now) return;
    const isDoc = now.state.doc.toString() === props.value;
    const isEcho = mine.current.has(props.value);
    if (isDoc || !isEcho) mine.current.clear();
    if (!isDoc && !isEcho) now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: props.value } });
  }, [props.value, parts]);
  useEffect(() => {
    if (view.current) underline(parts, view.current, props.error);
  }, [props.error, props.value, parts]);
  if (!parts) return html`<${Field} ...${props} />`;
  return html`<div class="editor" ref=${host} data-editor="codemirror" />`;
}

/** @param {EditorProps} props */
function Field({ value, label, onChange, onRun }) {
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    onRun();
  };
  return html`<textarea class="editor editor-plain mono" rows="1" spellcheck=${false} aria-label=${label} value=${value}
    onInput=${(/** @type {any} */ event) => onChange(event.target.value)} onKeyDown=${onKeyDown} />`;
}

/** @param {any} cm @param {HTMLElement} parent @param {{current: EditorProps}} latest @param {Set<string>} said */
function create(cm, parent, latest, said) {
  const run = () => {
    latest.current.onRun();
    return true;
  };
  const keys = [{ key: 'Mod-Enter', run }, { key: 'Shift-Enter', run: cm.insertNewlineAndIndent }, { key: 'Escape', run: leave }];
  // Enter takes what is offered for a word that has been begun; behind a whole expression it runs the query, whatever could follow.
  const enter = (/** @type {any} */ view) => {
    const before = view.state.sliceDoc(0, view.state.selection.main.head);
    const offered = cm.selectedCompletion(view.state);
    if (offered && !/[)\]}\s]$/.test(before) && !before.endsWith(offered.label) && cm.acceptCompletion(view)) return true;
    cm.closeCompletion(view);
    return run();
  };
  const others = cm.completionKeymap.filter((/** @type {any} */ binding) => binding.key !== 'Enter');
  const completing = [{ key: 'Enter', run: enter }, { key: 'Tab', run: cm.acceptCompletion }, ...others];
  const named = latest.current.language ?? 'promql';
  const language = named === 'logql' ? logql(cm) : new cm.PromQLExtension().activateLinter(false).setComplete({ remote: completionClient(cm) }).asExtension();
  return new cm.EditorView({
    parent,
    state: cm.EditorState.create({
      doc: latest.current.value,
      extensions: [
        cm.Prec.highest(cm.keymap.of(completing)),
        cm.Prec.high(cm.keymap.of(keys)),
        cm.keymap.of([...cm.closeBracketsKeymap, ...cm.historyKeymap, ...cm.defaultKeymap]),
        cm.history(),
        cm.drawSelection(),
        cm.bracketMatching(),
        cm.closeBrackets(),
        cm.autocompletion({ icons: false, maxRenderedOptions: 60 }),
        cm.EditorView.lineWrapping,
        cm.placeholder(EXAMPLES[named]),
        cm.syntaxHighlighting(highlighting(cm)),
        language,
        cm.EditorView.contentAttributes.of({ 'aria-label': latest.current.label, spellcheck: 'false' }),
        cm.EditorView.updateListener.of((/** @type {any} */ update) => {
          if (!update.docChanged) return;
          const text = update.state.doc.toString();
          said.add(text);
          latest.current.onChange(text);
        }),
      ],
    }),
  });
}

/** Escape leaves the field, so that the page's own keys work again. @param {any} view */
function leave(view) {
  view.contentDOM.blur();
  return true;
}

/** Colours by meaning: names as text, what is fixed by the language muted, values in the colours of the theme. @param {any} cm */
function highlighting({ HighlightStyle, tags }) {
  const css = (/** @type {string} */ name) => `var(--code-${name})`;
  return HighlightStyle.define([
    { tag: [tags.function(tags.variableName), tags.keyword, tags.operatorKeyword, tags.modifier], color: css('word') },
    { tag: tags.string, color: css('text') },
    { tag: [tags.number, tags.literal], color: css('number') },
    { tag: tags.labelName, color: css('label') },
    { tag: [tags.operator, tags.punctuation, tags.bracket, tags.paren, tags.squareBracket, tags.brace], color: 'var(--muted)' },
    { tag: tags.comment, color: 'var(--muted)', fontStyle: 'italic' },
  ]);
}

/** @param {any} cm @param {any} view @param {TargetError | null} error */
function underline(cm, view, error) {
  const text = view.state.doc.toString();
  if (error?.start === undefined) return view.dispatch(cm.setDiagnostics(view.state, []));
  const from = Math.min(unitOf(text, error.start), text.length);
  const to = Math.min(Math.max(unitOf(text, error.end ?? error.start), from + 1), text.length);
  // At the end of the text there is nothing to underline but what stands before.
  const start = from === to ? Math.max(0, from - 1) : from;
  return view.dispatch(cm.setDiagnostics(view.state, [{ from: start, to, severity: 'error', message: error.message }]));
}
