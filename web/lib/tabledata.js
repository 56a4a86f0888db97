// Table columns out of series: one for time, one for each label, one for each query's value; and the transformations tables live by.

/** @typedef {import('./frames.js').Field} Field */
/** @typedef {import('./frames.js').Frames} Frames */

/**
 * @typedef {object} TableColumn
 * @property {string} name        as shown
 * @property {'time' | 'string' | 'number'} type
 * @property {Field | null} field where unit, thresholds and mappings come from
 * @property {string} refId
 * @property {any[]} cells
 */

/** More rows than this are not drawn; the table says how many there are. */
export const TABLE_ROWS_MAX = 2000;

/**
 * One table out of all series: each point of each series is a row; several queries meet in rows with equal labels and time.
 * @param {Frames} frames
 * @returns {TableColumn[]}
 */
export function toTable(frames) {
  const refIds = [...new Set(frames.fields.map((field) => field.refId))];
  const labels = [...new Set(frames.fields.flatMap((field) => Object.keys(field.labels).sort()))];
  /** @type {Map<string, {time: number, labels: Record<string, string>, values: Map<string, number>}>} */
  const rows = new Map();
  for (const field of frames.fields) {
    const own = JSON.stringify(labels.map((label) => field.labels[label] ?? ''));
    field.values.forEach((value, i) => {
      if (value === null || value === undefined) return;
      const row = rows.get(`${own}@${frames.x[i]}`) ?? { time: frames.x[i], labels: field.labels, values: new Map() };
      row.values.set(field.refId, value);
      rows.set(`${own}@${frames.x[i]}`, row);
    });
  }
  const list = [...rows.values()];
  return [
    column(
      'Time',
      'time',
      list.map((row) => row.time),
    ),
    ...labels.map((label) =>
      column(
        label,
        'string',
        list.map((row) => row.labels[label] ?? ''),
      ),
    ),
    ...refIds.map((refId) => ({
      ...column(
        refIds.length > 1 ? `Value #${refId}` : 'Value',
        'number',
        list.map((row) => row.values.get(refId) ?? null),
      ),
      refId,
      field: frames.fields.find((field) => field.refId === refId) ?? null,
    })),
  ];
}

/** @param {string} name @param {TableColumn['type']} type @param {any[]} cells @returns {TableColumn} */
function column(name, type, cells) {
  return { name, type, field: null, refId: '', cells };
}

/**
 * The panel's transformations that make sense on one joined table; `merge` and joins have been done already.
 * @param {TableColumn[]} columns
 * @param {unknown} transformations
 * @returns {TableColumn[]}
 */
export function transform(columns, transformations) {
  let current = columns;
  for (const one of Array.isArray(transformations) ? transformations : []) {
    if (one?.disabled === true) continue;
    if (one?.id === 'organize') current = organize(current, one.options ?? {});
    if (one?.id === 'filterFieldsByName') current = filterByName(current, one.options ?? {});
    if (one?.id === 'sortBy') current = sortRows(current, one.options?.sort?.[0]?.field, one.options?.sort?.[0]?.desc === true);
    if (one?.id === 'limit') current = takeRows(current, Number(one.options?.limitField ?? 10));
  }
  return current;
}

/** @param {TableColumn[]} columns @param {any} options */
function organize(columns, { excludeByName = {}, includeByName = {}, indexByName = {}, renameByName = {} }) {
  const included = Object.values(includeByName).some(Boolean);
  const place = (/** @type {TableColumn} */ one) => (Number.isFinite(indexByName[one.name]) ? indexByName[one.name] : Infinity);
  return columns
    .filter((one) => !excludeByName[one.name] && (!included || includeByName[one.name]))
    .map((one, i) => ({ one, i }))
    .sort((a, b) => (place(a.one) === place(b.one) ? a.i - b.i : place(a.one) - place(b.one)))
    .map(({ one }) => ({ ...one, name: renameByName[one.name] || one.name }));
}

/** @param {TableColumn[]} columns @param {any} options */
function filterByName(columns, { include, exclude }) {
  const matcher = (/** @type {any} */ part) => (/** @type {TableColumn} */ one) => {
    if (Array.isArray(part?.names) && part.names.includes(one.name)) return true;
    try {
      return typeof part?.pattern === 'string' && part.pattern !== '' && new RegExp(part.pattern.replace(/^\/|\/$/g, '')).test(one.name);
    } catch {
      return false;
    }
  };
  return columns.filter((one) => (!include || matcher(include)(one)) && !(exclude && matcher(exclude)(one)));
}

/**
 * Sorts all columns by one of them; empty cells last.
 * @template {TableColumn} T
 * @param {T[]} columns
 * @param {string | undefined} name
 * @param {boolean} desc
 * @returns {T[]}
 */
export function sortRows(columns, name, desc) {
  const by = columns.find((one) => one.name === name);
  if (!by) return columns;
  const order = by.cells.map((_, i) => i).sort((a, b) => compare(by.cells[a], by.cells[b], desc) || a - b);
  return columns.map((one) => ({ ...one, cells: order.map((i) => one.cells[i]) }));
}

/** @param {any} a @param {any} b @param {boolean} desc */
function compare(a, b, desc) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const difference =
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
  return desc ? -difference : difference;
}

/** @param {TableColumn[]} columns @param {number} limit */
function takeRows(columns, limit) {
  return Number.isFinite(limit) ? columns.map((one) => ({ ...one, cells: one.cells.slice(0, limit) })) : columns;
}
