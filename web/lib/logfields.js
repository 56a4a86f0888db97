// What a line holds: its labels, and the fields inside its text; and how often each value of one occurs. Pure.

/** @typedef {import('./loglines.js').LogLine} LogLine */
/** @typedef {import('./logedit.js').Choice} Choice */

/**
 * @typedef {object} LineField
 * @property {string} name   as shown
 * @property {string} value
 * @property {Choice | null} choice what a filter for it is written with; null where LogQL takes no such field out of a line
 */

/** Different values of a field that are listed. */
const VALUES_MAX = 5;

/** The name that LogQL's parsers give a field. @param {string} name */
export const labelName = (name) => name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^\d/, '_$&');

/** @param {LogLine} line @returns {{title: string, fields: LineField[]}[]} sections, those without a field left out */
export function sectionsOf(line) {
  const parsed = new Set(line.parsed);
  const own = Object.entries(line.labels);
  const label = (/** @type {[string, string]} */ [name, value]) => ({ name, value, choice: /** @type {Choice} */ ({ name, value, from: 'label' }) });
  const stream = own.filter(([name]) => !parsed.has(name)).map(([name, value]) => ({ name, value, choice: /** @type {Choice} */ ({ name, value, from: 'stream' }) }));
  const sections = [
    { title: 'Fields of the line', fields: insideOf(line) },
    { title: 'Made by the query', fields: own.filter(([name]) => parsed.has(name)).map(label) },
    { title: 'Labels', fields: stream },
    { title: 'Metadata', fields: Object.entries(line.metadata).map(label) },
  ];
  return sections.filter(({ fields }) => fields.length > 0);
}

/** Fields inside the text, each with the way in which a query comes by it. @param {LogLine} line @returns {LineField[]} */
function insideOf(line) {
  const { format, fields } = readFields(line.line);
  const known = { ...line.metadata, ...line.labels };
  return fields.map(({ name, value, isList }) => {
    const label = labelName(name);
    // What the query's own parser has made of it is a label already; one that is another's name is told apart by what is put behind it.
    const isTaken = Object.hasOwn(known, label);
    const own = !isTaken || known[label] === value ? label : `${label}_extracted`;
    if (isList || format === null) return { name, value, choice: null };
    const isStream = Object.hasOwn(line.labels, own) && !line.parsed.includes(own);
    return { name, value, choice: { name: own, value, from: isStream ? 'stream' : Object.hasOwn(known, own) ? 'label' : format } };
  });
}

/**
 * The fields of a line of JSON, nested ones joined as LogQL's `json` does, or of `key=value` pairs.
 * @param {string} line
 * @returns {{format: 'json' | 'logfmt' | null, fields: {name: string, value: string, isList: boolean}[]}}
 */
export function readFields(line) {
  if (/^\s*\{/.test(line)) {
    try {
      return { format: 'json', fields: flat(JSON.parse(line), '') };
    } catch {
      return { format: null, fields: [] };
    }
  }
  const pairs = [...line.matchAll(/(?:^|\s)([A-Za-z_][\w.-]*)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)];
  if (pairs.length < 2) return { format: null, fields: [] };
  return { format: 'logfmt', fields: pairs.map(([, name, text, bare]) => ({ name, value: text?.replace(/\\(["\\])/g, '$1') ?? bare, isList: false })) };
}

/** @param {any} value @param {string} before @returns {{name: string, value: string, isList: boolean}[]} */
function flat(value, before) {
  return Object.entries(value).flatMap(([key, one]) => {
    const name = before === '' ? key : `${before}_${key}`;
    if (Array.isArray(one)) return [{ name, value: JSON.stringify(one), isList: true }];
    if (one !== null && typeof one === 'object') return flat(one, name);
    return [{ name, value: one === null ? '' : String(one), isList: false }];
  });
}

/**
 * How often each value of a field occurs among lines.
 * @param {LogLine[]} lines
 * @param {string} section title of the field's section
 * @param {string} name
 * @returns {{withField: number, total: number, distinct: number, values: {value: string, count: number, share: number}[]}} the most frequent first
 */
export function statsOf(lines, section, name) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const line of lines) {
    const value = sectionsOf(line).find(({ title }) => title === section)?.fields.find((field) => field.name === name)?.value;
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const withField = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, VALUES_MAX);
  return { withField, total: lines.length, distinct: counts.size, values: sorted.map(([value, count]) => ({ value, count, share: count / withField })) };
}
