// What the log store is asked beside the queries of panels: Loki's own endpoints.
import { get, openSocket } from './client.js';

/** @typedef {import('./client.js').CallOptions} CallOptions */

/** What an endpoint without an envelope answers. @param {string} path below `/loki/api/v1` @param {CallOptions} [o] @returns {Promise<any>} */
export const fetchLokiBare = (path, o) => get(`/loki/api/v1${path}`, o);

/** The `data` of one with an envelope. @param {string} path below `/loki/api/v1` @param {CallOptions} [o] @returns {Promise<any>} */
export const fetchLoki = async (path, o) => (await fetchLokiBare(path, o))?.data ?? [];

/** Live lines, one message a text. @param {Record<string, string>} params */
export const openTail = (params) => openSocket('/loki/api/v1/tail', params);
