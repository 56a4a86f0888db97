// HTML of text panels, alone or within Markdown, as a tree of plain nodes. What is not on the lists below does not get in, so nothing has to be
// cleaned afterwards: no script, frame, form or event handler, no address that runs. Class names and ids are left out: they would meet our own.
import { parseMarkdown, parseInline, safeUrl } from './markdown.js';

/** @typedef {import('./markdown.js').Node} Node */
/** @typedef {{tag: string, props: Record<string, string>, children: (Raw | string)[], isDropped: boolean}} Raw */

/** Elements that stand in a line of text. */
const INLINE = new Set('a abbr b big br code del em font i img ins kbd mark q s samp small span strike strong sub sup tt u var wbr'.split(' '));
/** Elements that make a block. */
const BLOCK = new Set('blockquote center dd details div dl dt figure figcaption footer h1 h2 h3 h4 h5 h6 header hr li main ol p pre section summary table caption tbody td tfoot th thead tr ul'.split(' '));
/** Elements that go with all they hold. */
const DROPPED = new Set('script style iframe object embed form svg math template noscript textarea select title head video audio canvas'.split(' '));
/** Elements without an end. */
const VOID = new Set(['br', 'hr', 'img', 'wbr', 'input', 'meta', 'link', 'base', 'source', 'embed']);
const ATTRIBUTES = new Set(['align', 'alt', 'bgcolor', 'border', 'cellpadding', 'cellspacing', 'color', 'colspan', 'face', 'height', 'href', 'open', 'rowspan', 'size', 'src', 'style', 'title', 'valign', 'width']);

/** A text longer than this is cut: nobody reads it in a panel. */
const LENGTH_MAX = 200_000;
/** Elements inside elements, deeper than which tags are passed over. */
const DEPTH_MAX = 60;

/** @param {string} text Markdown that may hold HTML @returns {Node[]} */
export function parseRich(text) {
  return mixed(readTree(text), true);
}

/** @param {string} text HTML alone @returns {Node[]} */
export function parseHtml(text) {
  return readTree(text).flatMap(plain);
}

const TOKEN = /```[\s\S]*?(?:```|$)|`[^`\n]+`|<!--[\s\S]*?(?:-->|$)|<\/?[a-zA-Z][^\s<>/]*(?:"[^"]*"|'[^']*'|[^<>"'])*>/g;

/** @param {string} given @returns {(Raw | string)[]} */
function readTree(given) {
  const text = given.slice(0, LENGTH_MAX);
  /** @type {Raw} */
  const root = { tag: '', props: {}, children: [], isDropped: false };
  const open = [root];
  const add = (/** @type {Raw | string} */ child) => open[open.length - 1].children.push(child);
  let from = 0;
  for (const found of text.matchAll(TOKEN)) {
    const [token] = found;
    // Code says what it is: tags in it are text.
    if (token.startsWith('`')) continue;
    add(text.slice(from, found.index));
    from = found.index + token.length;
    const name = /^<\/?([a-zA-Z][a-zA-Z0-9]*)/.exec(token)?.[1].toLowerCase() ?? '';
    if (token.startsWith('</')) close(open, name);
    else if (name !== '' && (open.length < DEPTH_MAX || DROPPED.has(name))) begin(open, add, name, token);
  }
  add(text.slice(from));
  return root.children;
}

/** @param {Raw[]} open @param {(child: Raw) => void} add @param {string} tag @param {string} token */
function begin(open, add, tag, token) {
  /** @type {Raw} */
  const element = { tag, props: attributes(token), children: [], isDropped: DROPPED.has(tag) };
  add(element);
  if (!VOID.has(tag) && !token.endsWith('/>')) open.push(element);
}

/** @param {Raw[]} open @param {string} tag an end that nothing began is passed over */
function close(open, tag) {
  const at = open.findLastIndex((element) => element.tag === tag);
  if (at > 0) open.length = at;
}

/** @param {string} token @returns {Record<string, string>} */
function attributes(token) {
  /** @type {Record<string, string>} */
  const props = {};
  for (const [, name, quoted, single, bare] of token.replace(/^<[a-zA-Z0-9]+/, '').matchAll(/([a-zA-Z-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)) {
    const key = name.toLowerCase();
    const value = decode(quoted ?? single ?? bare ?? '');
    if (!ATTRIBUTES.has(key)) continue;
    const safe = key === 'style' ? safeStyle(value) : key === 'href' || key === 'src' ? safeAddress(key, value) : value;
    if (safe !== null) props[key] = safe;
  }
  return props;
}

/** @param {string} key @param {string} value */
function safeAddress(key, value) {
  // eslint-disable-next-line no-control-regex -- browsers pass over these within an address, so "java\tscript:" would run
  const text = value.replace(/[\u0000-\u0020]/g, '');
  return key === 'src' && /^data:image\/(png|jpe?g|gif|webp);/i.test(text) ? text : safeUrl(text);
}

/** Colours, sizes and the like; nothing that leaves the panel or loads anything. @param {string} style */
function safeStyle(style) {
  return style
    .split(';')
    .filter((part) => /^\s*[a-z-]+\s*:/i.test(part) && !/^\s*(position|z-index|inset|top|left|right|bottom|behavior|-moz-binding|content)\s*:|url\s*\(|expression|image-set|@|\\/i.test(part))
    .join(';');
}

/** @type {Record<string, string>} */
const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '©', reg: '®', deg: '°', middot: '·', bull: '•', hellip: '…', ndash: '–', mdash: '—', larr: '←', rarr: '→', uarr: '↑', darr: '↓', times: '×', euro: '€' };

/** @param {string} text */
function decode(text) {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (whole, number, hex, name) => {
    if (name) return ENTITIES[name.toLowerCase()] ?? whole;
    const code = number ? Number(number) : parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** @param {Raw | string} raw @returns {Node[]} */
function plain(raw) {
  if (typeof raw === 'string') return raw === '' ? [] : [decode(raw)];
  return element(raw, raw.children.flatMap(plain));
}

/** @param {Raw} raw @param {Node[]} children @returns {Node[]} */
function element({ tag, props, isDropped }, children) {
  if (isDropped) return [];
  if (!INLINE.has(tag) && !BLOCK.has(tag)) return children;
  if (tag === 'font') return [{ tag: 'span', props: { style: fontStyle(props) }, children }];
  if (tag === 'center') return [{ tag: 'div', props: { style: 'text-align:center' }, children }];
  if (tag === 'a') return [{ tag, props: { ...props, rel: 'noopener noreferrer' }, children }];
  return [{ tag, props, children: VOID.has(tag) ? [] : children }];
}

/** @param {Record<string, string>} props */
function fontStyle({ color, size, face }) {
  const sizes = ['', '10px', '13px', '16px', '18px', '24px', '32px', '48px'];
  return safeStyle([color && `color:${color}`, size && sizes[Number(size)] && `font-size:${sizes[Number(size)]}`, face && `font-family:${face}`].filter(Boolean).join(';'));
}

/** Marks that no text has: they stand for an element while the Markdown around it is read. */
const MARK = /\ue000(\d+)\ue001/;

/** Markdown with elements in it: each element is a mark in the text while that is read. @param {(Raw | string)[]} list @param {boolean} asBlocks @returns {Node[]} */
function mixed(list, asBlocks) {
  /** @type {Node[][]} */
  const held = [];
  const text = list
    .map((raw) => {
      if (typeof raw === 'string') return decodeOutsideCode(raw.replace(/[\ue000\ue001]/g, ''));
      const isBlock = BLOCK.has(raw.tag);
      const hasBlocks = isBlock && raw.children.some((child) => typeof child === 'string' && /\n\s*\n|^\s*(#{1,6}|[-*+]|\d+\.)\s/m.test(child));
      const children = raw.tag === 'pre' || raw.tag === 'code' ? raw.children.flatMap(plain) : mixed(raw.children, hasBlocks);
      held.push(element(raw, children));
      const mark = `\ue000${held.length - 1}\ue001`;
      return isBlock && asBlocks ? `\n\n${mark}\n\n` : mark;
    })
    .join('');
  const nodes = asBlocks ? parseMarkdown(text) : parseInline(text);
  return nodes.flatMap((node) => restore(node, held));
}

/** @param {string} text code says what it is, entities and all */
function decodeOutsideCode(text) {
  return text.split(/(```[\s\S]*?(?:```|$)|`[^`\n]+`)/).map((part, at) => (at % 2 === 1 ? part : decode(part))).join('');
}

/** Puts elements where their marks are. A paragraph that is nothing but one block is that block. @param {Node} node @param {Node[][]} held @returns {Node[]} */
function restore(node, held) {
  if (typeof node === 'string') {
    return node.split(/(\ue000\d+\ue001)/).flatMap((part) => {
      const at = MARK.exec(part)?.[1];
      return at !== undefined ? (held[Number(at)] ?? []) : part === '' ? [] : [part];
    });
  }
  const children = node.children.flatMap((child) => restore(child, held));
  const isBare = node.tag === 'p' && children.some((child) => typeof child !== 'string' && BLOCK.has(child.tag));
  if (isBare) return children.filter((child) => typeof child !== 'string' || child.trim() !== '');
  return [{ ...node, children }];
}
