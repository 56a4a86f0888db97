// The arithmetic of Grafana's expressions: `$A / ($B + 1) > 0.5 && !is_nan($C)`. Text in, tree out. Pure.

/**
 * @typedef {{kind: 'number', value: number}
 *   | {kind: 'ref', name: string}
 *   | {kind: 'call', name: string, args: Node[]}
 *   | {kind: 'unary', op: string, arg: Node}
 *   | {kind: 'binary', op: string, left: Node, right: Node}} Node
 */

/** Operators that bind ever tighter, each group from the left; unary ones bind tighter than all. */
const LEVELS = [['||'], ['&&'], ['==', '!=', '>', '>=', '<', '<='], ['+', '-'], ['*', '/', '%'], ['**']];

/** Functions, and how many arguments they take. @type {Record<string, number>} */
const FUNCTIONS = { abs: 1, log: 1, round: 1, ceil: 1, floor: 1, is_inf: 1, is_nan: 1, is_null: 1, is_number: 1, nan: 0, inf: 0, infn: 0, null: 0 };

/** Brackets in brackets beyond this are no expression that anybody wrote. */
const DEPTH_MAX = 100;

const TOKEN = /\s*(?:(0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|\$\{([^}]+)\}|\$(\w+)|([A-Za-z_]\w*)|(\*\*|\|\||&&|[=!<>]=|[-+*/%<>!(),]))/y;

/** @typedef {{kind: 'number' | 'ref' | 'word' | 'sign' | 'end', text: string}} Token */

/** @param {string} text @returns {Token[]} */
function tokens(text) {
  const all = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) throw new Error(`“${text.slice(at).trim().slice(0, 10)}” is not expected here`);
    const [, number, braced, name, word, sign] = found;
    if (number !== undefined) all.push({ kind: /** @type {const} */ ('number'), text: number });
    else if (braced !== undefined || name !== undefined) all.push({ kind: /** @type {const} */ ('ref'), text: (braced ?? name).trim() });
    else all.push({ kind: word !== undefined ? /** @type {const} */ ('word') : /** @type {const} */ ('sign'), text: word ?? sign });
  }
  return [...all, { kind: 'end', text: 'the end' }];
}

/**
 * @param {string} text
 * @returns {Node}
 * @throws {Error} with what is wrong, for the reader
 */
export function parseMath(text) {
  const reader = { tokens: tokens(text), at: 0, depth: 0 };
  const node = binary(reader, 0);
  if (reader.tokens[reader.at].kind !== 'end') throw unexpected(reader);
  return node;
}

/** @typedef {{tokens: Token[], at: number, depth: number}} Reader */

/** @param {Reader} reader */
const unexpected = (reader) => new Error(`“${reader.tokens[reader.at].text}” is not expected here`);

/** @param {Reader} reader @param {string} sign */
function takes(reader, sign) {
  const { kind, text } = reader.tokens[reader.at];
  if (kind !== 'sign' || text !== sign) return false;
  reader.at += 1;
  return true;
}

/** @param {Reader} reader @param {number} level @returns {Node} */
function binary(reader, level) {
  if (level === LEVELS.length) return unary(reader);
  let left = binary(reader, level + 1);
  for (;;) {
    const op = LEVELS[level].find((sign) => takes(reader, sign));
    if (op === undefined) return left;
    left = { kind: 'binary', op, left, right: binary(reader, level + 1) };
  }
}

/** @param {Reader} reader @returns {Node} */
function unary(reader) {
  reader.depth += 1;
  if (reader.depth > DEPTH_MAX) throw new Error(`more than ${DEPTH_MAX} brackets and signs in one another`);
  const op = ['!', '-'].find((sign) => takes(reader, sign));
  const node = op === undefined ? operand(reader) : { kind: /** @type {const} */ ('unary'), op, arg: unary(reader) };
  reader.depth -= 1;
  return node;
}

/** @param {Reader} reader @returns {Node} */
function operand(reader) {
  const { kind, text } = reader.tokens[reader.at];
  if (takes(reader, '(')) {
    const inner = binary(reader, 0);
    if (!takes(reader, ')')) throw unexpected(reader);
    return inner;
  }
  if (kind === 'sign' || kind === 'end') throw unexpected(reader);
  reader.at += 1;
  if (kind === 'number') return { kind: 'number', value: Number(text) };
  return kind === 'ref' ? { kind: 'ref', name: text } : call(reader, text);
}

/** @param {Reader} reader @param {string} name @returns {Node} */
function call(reader, name) {
  if (!Object.hasOwn(FUNCTIONS, name)) throw new Error(`there is no function ${name}`);
  if (!takes(reader, '(')) throw unexpected(reader);
  const args = [];
  while (!takes(reader, ')')) {
    if (args.length > 0 && !takes(reader, ',')) throw unexpected(reader);
    args.push(binary(reader, 0));
  }
  if (args.length !== FUNCTIONS[name]) throw new Error(`${name} takes ${FUNCTIONS[name] === 1 ? 'one argument' : 'no arguments'}`);
  return { kind: 'call', name, args };
}

/** Whose results an expression needs. @param {Node} node @returns {string[]} */
export function refsOf(node) {
  switch (node.kind) {
    case 'ref': return [node.name];
    case 'call': return node.args.flatMap(refsOf);
    case 'unary': return refsOf(node.arg);
    case 'binary': return [...refsOf(node.left), ...refsOf(node.right)];
    default: return [];
  }
}
