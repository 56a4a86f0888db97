// Variables that every dashboard has without naming them: who, where, when. Pure.
import { isAll } from './interpolate.js';

/** @typedef {import('./interpolate.js').Variables} Variables */
/** @typedef {import('./types.d.ts').VariableValue} VariableValue */

/**
 * @param {{uid: string, title: string}} dashboard
 * @param {{from: number, to: number}} range ms
 * @param {{from: string, to: string}} text the range as in the address
 * @param {Record<string, VariableValue>} values of the dashboard's own variables
 * @returns {Variables}
 */
export function globalVariables(dashboard, range, text, values) {
  const path = (/** @type {Record<string, string>} */ fields, /** @type {string} */ value) => ({ value, fields });
  return {
    __from: String(Math.round(range.from)),
    __to: String(Math.round(range.to)),
    __dashboard: path({ uid: dashboard.uid, title: dashboard.title }, dashboard.title),
    __user: path({ login: 'admin', id: '1', email: '' }, 'admin'),
    __org: path({ id: '1', name: 'Main' }, '1'),
    __name: dashboard.title,
    __url_time_range: `from=${encodeURIComponent(text.from)}&to=${encodeURIComponent(text.to)}`,
    __all_variables: addressOf(values),
  };
}

/** The dashboard's variables as an address has them. @param {Record<string, VariableValue>} values */
export function addressOf(values) {
  return Object.entries(values)
    .filter(([name]) => !name.startsWith('__') && !name.startsWith('DS_'))
    .flatMap(([name, variable]) => {
      const chosen = isAll(variable) ? ['$__all'] : [variable.value].flat();
      return chosen.map((value) => `var-${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
    })
    .join('&');
}

/**
 * What a file from someone's Grafana leaves open (`__inputs`): sources are known by their kind, constants by their value.
 * @param {any} raw the document
 * @returns {Record<string, VariableValue>}
 */
export function inputsOf(raw) {
  const list = Array.isArray(raw?.__inputs) ? raw.__inputs : [];
  return Object.fromEntries(
    list.filter((/** @type {any} */ one) => typeof one?.name === 'string').map((/** @type {any} */ one) => {
      const value = one.type === 'datasource' ? String(one.pluginId ?? '') : String(one.value ?? '');
      return [one.name, { value, text: String(one.label ?? value), multi: false, includeAll: false, allValue: null, options: [], ...(one.type === 'datasource' ? { plugin: value } : {}) }];
    }),
  );
}
