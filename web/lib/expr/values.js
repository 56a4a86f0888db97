// Arithmetic over sets of values: series and numbers are matched by their labels, points by their times. Rules as those of
// Grafana's expressions. A point that is missing stays missing. Pure.

/** @typedef {import('./math.js').Node} Node */
/** @typedef {import('../types.d.ts').Labels} Labels */

/**
 * @typedef {object} Value without times: a number; without labels either: a plain one
 * @property {Labels} labels
 * @property {{start: number, step: number} | null} times ms
 * @property {(number | null)[]} points one where there are no times
 */

/** @typedef {(name: string) => Value[]} Lookup */

/** @param {number | null} value @returns {Value} */
export const plain = (value) => ({ labels: {}, times: null, points: [value] });

/** @param {boolean} is */
const bit = (is) => (is ? 1 : 0);

/** What is true of a missing value, too; the others leave it missing. @type {Record<string, (value: number | null) => number | null>} */
const OF_ANY = {
  is_null: (value) => bit(value === null),
  is_nan: (value) => bit(value !== null && Number.isNaN(value)),
  is_inf: (value) => bit(value === Infinity || value === -Infinity),
  is_number: (value) => bit(value !== null && Number.isFinite(value)),
};

/** @type {Record<string, (value: number) => number>} */
const OF_NUMBER = {
  abs: Math.abs,
  log: Math.log,
  // Half goes away from zero.
  round: (value) => Math.sign(value) * Math.round(Math.abs(value)),
  ceil: Math.ceil,
  floor: Math.floor,
  '-': (value) => -value,
  '!': (value) => (Number.isNaN(value) ? NaN : bit(value === 0)),
};

/** @type {Record<string, number | null>} */
const CONSTANTS = { nan: NaN, inf: Infinity, infn: -Infinity, null: null };

/** @type {Record<string, (a: number, b: number) => number>} */
const OF_TWO = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '**': (a, b) => a ** b,
  '==': (a, b) => bit(a === b),
  '!=': (a, b) => bit(a !== b),
  '>': (a, b) => bit(a > b),
  '>=': (a, b) => bit(a >= b),
  '<': (a, b) => bit(a < b),
  '<=': (a, b) => bit(a <= b),
  '&&': (a, b) => bit(a !== 0 && b !== 0),
  '||': (a, b) => bit(a !== 0 || b !== 0),
};

/** @param {string} op @param {number | null} a @param {number | null} b @returns {number | null} */
function combine(op, a, b) {
  if (a === null || b === null) return null;
  if (op === '||' && a !== 0 && !Number.isNaN(a)) return 1;
  if (op === '&&' && a === 0) return 0;
  return Number.isNaN(a) || Number.isNaN(b) ? NaN : OF_TWO[op](a, b);
}

/**
 * @param {Node} node
 * @param {Lookup} lookup
 * @returns {Value[]}
 */
export function evaluate(node, lookup) {
  switch (node.kind) {
    case 'number': return [plain(node.value)];
    case 'ref': return lookup(node.name);
    case 'unary': return mapped(evaluate(node.arg, lookup), ofNumber(node.op));
    case 'call': return node.args.length === 0 ? [plain(CONSTANTS[node.name])] : mapped(evaluate(node.args[0], lookup), OF_ANY[node.name] ?? ofNumber(node.name));
    default: return pairs(evaluate(node.left, lookup), evaluate(node.right, lookup)).map(([labels, a, b]) => joined(labels, node.op, a, b));
  }
}

/** @param {string} name @returns {(value: number | null) => number | null} */
const ofNumber = (name) => (value) => (value === null ? null : OF_NUMBER[name](value));

/** @param {Value[]} values @param {(value: number | null) => number | null} change @returns {Value[]} */
export const mapped = (values, change) => values.map((value) => ({ ...value, points: value.points.map(change) }));

/**
 * Which go together: those with the same labels, those where one has the other's labels and more, and all with what has none.
 * One on each side go together whatever their labels are, which are lost then.
 * @param {Value[]} left
 * @param {Value[]} right
 * @returns {[Labels, Value, Value][]}
 */
function pairs(left, right) {
  /** @type {[Labels, Value, Value][]} */
  const all = left.flatMap((a) => right.flatMap((b) => {
    const labels = contains(a.labels, b.labels) ? a.labels : contains(b.labels, a.labels) ? b.labels : null;
    return labels ? [/** @type {[Labels, Value, Value]} */ ([labels, a, b])] : [];
  }));
  return all.length === 0 && left.length === 1 && right.length === 1 ? [[{}, left[0], right[0]]] : all;
}

/** @param {Labels} all @param {Labels} some */
const contains = (all, some) => Object.entries(some).every(([name, value]) => all[name] === value);

/** @param {Labels} labels @param {string} op @param {Value} a @param {Value} b @returns {Value} */
function joined(labels, op, a, b) {
  if (!b.times) return { labels, times: a.times, points: a.points.map((point) => combine(op, point, b.points[0])) };
  if (!a.times) return { labels, times: b.times, points: b.points.map((point) => combine(op, a.points[0], point)) };
  const { start, step } = b.times;
  const own = a.times;
  const at = (/** @type {number} */ i) => {
    const place = (own.start + i * own.step - start) / step;
    return Number.isInteger(place) ? (b.points[place] ?? null) : null;
  };
  return { labels, times: own, points: a.points.map((point, i) => combine(op, point, at(i))) };
}
