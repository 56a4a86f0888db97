// Markdown to a tree of plain nodes: headings, lists, quotes, code, tables, links, images, emphasis. Tags mean nothing here: richtext.js has
// taken those that may be shown out of the text before.

/**
 * @typedef {{tag: string, props?: Record<string, string>, children: Node[]}} Element
 * @typedef {string | Element} Node
 */

/** A link may lead here; anything else ("javascript:") is dropped. @param {string} url */
export function safeUrl(url) {
  // Browsers pass over what is no letter in the name of a scheme.
  const text = url.replace(/[\u0000-\u001f\u007f]/g, '').trim();
  if (/^(https?:|mailto:|\/|#|\.)/i.test(text)) return text;
  return /^[a-z][a-z0-9+.-]*:/i.test(text) ? null : text;
}

/**
 * @param {string} text
 * @returns {Node[]}
 */
export function parseMarkdown(text) {
  const lines = text.split(/\r?\n/);
  /** @type {Node[]} */
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    const block = readBlock(lines, at);
    if (block.node) blocks.push(block.node);
    at = Math.max(at + 1, block.next);
  }
  return blocks;
}

/** @param {string[]} lines @param {number} at @returns {{node: Node | null, next: number}} */
function readBlock(lines, at) {
  const line = lines[at];
  if (line.trim() === '') return { node: null, next: at + 1 };
  if (/^```/.test(line)) return readCode(lines, at);
  const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (heading) return { node: { tag: `h${heading[1].length}`, children: inline(heading[2]) }, next: at + 1 };
  if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) return { node: { tag: 'hr', children: [] }, next: at + 1 };
  if (/^\s*([-*+]|\d+[.)])\s+/.test(line)) return readList(lines, at);
  if (/^\s*>/.test(line)) return readQuote(lines, at);
  if (line.includes('|') && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? '')) return readTable(lines, at);
  return readParagraph(lines, at);
}

/** @param {string[]} lines @param {number} at */
function readCode(lines, at) {
  let end = at + 1;
  while (end < lines.length && !/^```/.test(lines[end])) end += 1;
  return { node: { tag: 'pre', children: [{ tag: 'code', children: [lines.slice(at + 1, end).join('\n')] }] }, next: end + 1 };
}

/** @param {string[]} lines @param {number} at */
function readList(lines, at) {
  const ordered = /^\s*\d/.test(lines[at]);
  /** @type {string[]} */
  const items = [];
  let end = at;
  for (; end < lines.length && lines[end].trim() !== ''; end += 1) {
    const item = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/.exec(lines[end]);
    if (item) items.push(item[1]);
    else items[items.length - 1] += ` ${lines[end].trim()}`;
  }
  return { node: { tag: ordered ? 'ol' : 'ul', children: items.map((item) => ({ tag: 'li', children: inline(item) })) }, next: end };
}

/** @param {string[]} lines @param {number} at */
function readQuote(lines, at) {
  let end = at;
  while (end < lines.length && /^\s*>/.test(lines[end])) end += 1;
  return {
    node: {
      tag: 'blockquote',
      children: inline(
        lines
          .slice(at, end)
          .map((line) => line.replace(/^\s*>\s?/, ''))
          .join('\n'),
      ),
    },
    next: end,
  };
}

/** @param {string} line */
function cells(line) {
  return line
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim());
}

/** @param {string[]} lines @param {number} at @returns {{node: Node, next: number}} */
function readTable(lines, at) {
  let end = at + 2;
  while (end < lines.length && lines[end].includes('|')) end += 1;
  /** @type {(tag: string) => (line: string) => Node} */
  const row = (tag) => (line) => ({ tag: 'tr', children: cells(line).map((cell) => ({ tag, children: inline(cell) })) });
  const head = { tag: 'thead', children: [row('th')(lines[at])] };
  return { node: { tag: 'table', children: [head, { tag: 'tbody', children: lines.slice(at + 2, end).map(row('td')) }] }, next: end };
}

/** @param {string[]} lines @param {number} at */
function readParagraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() !== '' && !/^(```|#{1,6}\s|\s*>|\s*([-*+]|\d+[.)])\s)/.test(lines[end])) end += 1;
  return { node: { tag: 'p', children: inline(lines.slice(at, end).join('\n')) }, next: end };
}

const INLINE =
  /`([^`]+)`|!\[([^\]]*)\]\(((?:[^()\s]|\([^()]*\))+)[^)]*\)|\[([^\]]+)\]\(((?:[^()\s]|\([^()]*\))+)[^)]*\)|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|\b_([^_]+)_\b|~~([^~]+)~~|(https?:\/\/[^\s<>)]+)|(\n)/g;

/** A line of text, without blocks. @param {string} text */
export const parseInline = (text) => inline(text);

/** @param {string} text @returns {Node[]} */
function inline(text) {
  /** @type {Node[]} */
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > from) nodes.push(text.slice(from, match.index));
    nodes.push(inlineNode(match));
    from = match.index + match[0].length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

/** @param {RegExpMatchArray} match @returns {Node} */
function inlineNode([whole, code, alt, src, label, href, bold, bold2, italic, italic2, struck, bare, breakLine]) {
  if (code !== undefined) return { tag: 'code', children: [code] };
  if (src !== undefined) return safeUrl(src) ? { tag: 'img', props: { src: src.trim(), alt: alt ?? '' }, children: [] } : alt;
  if (href !== undefined) return link(href, inline(label));
  if (bare !== undefined) return link(bare, [bare]);
  if (bold !== undefined || bold2 !== undefined) return { tag: 'strong', children: inline(bold ?? bold2) };
  if (italic !== undefined || italic2 !== undefined) return { tag: 'em', children: inline(italic ?? italic2) };
  if (struck !== undefined) return { tag: 'del', children: inline(struck) };
  return breakLine !== undefined ? { tag: 'br', children: [] } : whole;
}

/** @param {string} href @param {Node[]} children @returns {Node} */
function link(href, children) {
  const url = safeUrl(href);
  return url ? { tag: 'a', props: { href: url, rel: 'noopener noreferrer' }, children } : { tag: 'span', children };
}
