// The only place that fetches. Every call has a time limit, can be aborted, and fails with an ApiError.
import { ApiError } from './apierror.js';

export { ApiError };

/** How long an answer may take before we say so. Queries over long ranges get more. */
export const TIMEOUT_MS = 10_000;
export const QUERY_TIMEOUT_MS = 60_000;

/** The API refuses more targets than this in one batch. */
export const TARGETS_PER_BATCH_MAX = 100;

/** @type {Set<(reachable: boolean) => void>} */
const watchers = new Set();

/**
 * Calls `watch` after each answer (true) and after each failure to get one (false).
 * @param {(reachable: boolean) => void} watch
 */
export function onReach(watch) {
  watchers.add(watch);
  return () => watchers.delete(watch);
}

/** @param {boolean} reachable */
function report(reachable) {
  for (const watch of watchers) watch(reachable);
}

/**
 * @typedef {object} CallOptions
 * @property {Record<string, string | string[] | undefined>} [params]
 * @property {AbortSignal} [signal]
 * @property {number} [timeoutMs]
 */

/**
 * @param {string} path
 * @param {RequestInit} init
 * @param {CallOptions} options
 * @returns {Promise<any>}
 */
async function call(path, init, { params, signal, timeoutMs = TIMEOUT_MS }) {
  const limit = AbortSignal.timeout(timeoutMs);
  const both = signal ? AbortSignal.any([signal, limit]) : limit;
  try {
    const answer = await fetch(withParams(path, params), { ...init, signal: both });
    const text = await answer.text();
    report(true);
    return read(answer, text);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (signal?.aborted) throw new ApiError('aborted', 'the request was given up');
    if (limit.aborted) throw new ApiError('timeout', `no answer within ${timeoutMs / 1000} s`);
    report(false);
    throw new ApiError('network', 'the monitor cannot be reached');
  }
}

/**
 * @param {Response} answer
 * @param {string} text
 */
function read(answer, text) {
  let body;
  try {
    body = text === '' ? null : JSON.parse(text);
  } catch {
    if (answer.ok) throw new ApiError('format', `${answer.url} did not answer with JSON`, answer.status);
  }
  if (answer.ok) return body;
  const said = body?.error?.message ?? body?.error ?? body?.message ?? (typeof body === 'string' ? body : null) ?? text.slice(0, 300).trim();
  throw new ApiError('http', typeof said === 'string' && said !== '' ? said : `HTTP status ${answer.status}`, answer.status);
}

/**
 * @param {string} path
 * @param {CallOptions['params']} params
 */
function withParams(path, params) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) query.append(name, one);
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** What a path answers with JSON. @param {string} path @param {CallOptions} [options] @returns {Promise<any>} */
export const get = (path, options = {}) => call(path, { headers: { accept: 'application/json' } }, options);

/**
 * The `data` of an endpoint that answers as Prometheus does.
 * @param {string} path
 * @param {CallOptions} [options]
 */
async function prom(path, options) {
  const body = await get(`/api/v1${path}`, options);
  if (body?.status !== 'success') throw new ApiError('format', body?.error ?? `/api/v1${path} gave no data`);
  return body.data;
}

/** @typedef {import('./types.d.ts').TargetResult} TargetResult */

/** @param {CallOptions} [o] @returns {Promise<import('./types.d.ts').DashboardEntry[]>} */
export const fetchDashboards = (o) => get('/api/dashboards', o);

/** @param {string} uid @param {CallOptions} [o] @returns {Promise<{dashboard: any, meta: any}>} */
export const fetchDashboard = (uid, o) => get(`/api/dashboards/uid/${encodeURIComponent(uid)}`, o);

/** @param {CallOptions} [o] @returns {Promise<{activeTargets: import('./types.d.ts').ScrapeTarget[], droppedTargets: any[]}>} */
export const fetchTargets = (o) => prom('/targets', o);

/** @param {CallOptions} [o] @returns {Promise<{groups: import('./types.d.ts').RuleGroup[]}>} */
export const fetchRules = (o) => prom('/rules', o);

/** @param {CallOptions} [o] @returns {Promise<{alerts: import('./types.d.ts').ActiveAlert[]}>} */
export const fetchAlerts = (o) => prom('/alerts', o);

/** What somebody has to look after: a store that refuses samples, damage found at start. @param {CallOptions} [o] @returns {Promise<{text: string, date: string, active: boolean}[]>} */
export const fetchTroubles = (o) => prom('/notifications', o);

/** @param {CallOptions} [o] @returns {Promise<import('./types.d.ts').Told>} */
export const fetchNotifications = (o) => get('/api/ui/notifications', o);

/** @param {string} name @param {CallOptions} [o] @returns {Promise<import('./alerts.d.ts').Why>} */
export const fetchWhy = (name, o = {}) => get('/api/ui/why', { ...o, params: { ...o.params, name } });

/** @param {CallOptions} [o] @returns {Promise<import('./alerts.d.ts').AlertHistory>} */
export const fetchHistory = (o) => get('/api/ui/alert-history', o);

/** @param {CallOptions} [o] @returns {Promise<import('./alerts.d.ts').RouteNode>} */
export const fetchRoutes = (o) => get('/api/ui/routes', o);

/** @param {CallOptions} [o] @returns {Promise<import('./alerts.d.ts').InboxAnswer>} */
export const fetchInbox = (o) => get('/api/ui/inbox', o);

/** @param {CallOptions} [o] @returns {Promise<import('./alerts.d.ts').Silence[]>} */
export const fetchSilences = (o) => get('/api/v2/silences', o);

/** Alerts that all conditions hold for. @param {string[]} filter @param {CallOptions} [o] @returns {Promise<import('./alerts.d.ts').KnownAlert[]>} */
export const fetchMatching = (filter, o) => get('/api/v2/alerts', { ...o, params: { filter } });

/** @param {unknown} silence @returns {Promise<{silenceID: string}>} */
export const postSilence = (silence) => post('/api/v2/silences', silence);

/** @param {string} id */
export const expireSilence = (id) => call(`/api/v2/silence/${encodeURIComponent(id)}`, { method: 'DELETE' }, {});

/** @param {string} alert @param {string} by @param {string} comment */
export const acknowledge = (alert, by, comment) => post('/api/ui/acknowledge', { alert, by, comment });

/** @param {string} alert */
export const unacknowledge = (alert) => post('/api/ui/unacknowledge', { alert });

/** @param {string} receiver @returns {Promise<{calls: import('./alerts.d.ts').TestedCall[]}>} */
export const testReceiver = (receiver) => post('/api/ui/test-receiver', { receiver });

/** @param {CallOptions} [o] @returns {Promise<any>} */
export const fetchStatus = (o) => get('/api/ui/status', o);

/** @param {CallOptions} [o] @returns {Promise<any>} */
export const fetchTsdbStatus = (o) => prom('/status/tsdb', o);

/** @param {CallOptions} [o] @returns {Promise<any>} */
export const fetchBuildInfo = (o) => prom('/status/buildinfo', o);

/** @param {CallOptions} [o] @returns {Promise<any>} */
export const fetchHealth = (o) => get('/api/health', o);

/**
 * @param {string} path below `/api/v1`, as `/label/job/values`
 * @param {CallOptions} [o]
 * @returns {Promise<any>}
 */
export const fetchProm = (path, o) => prom(path, o);

/** @param {string} path below `/api/v1` @param {Record<string, string>} form @returns {Promise<any>} */
export async function postProm(path, form) {
  const body = await call(`/api/v1${path}`, { method: 'POST', body: new URLSearchParams(form) }, { timeoutMs: QUERY_TIMEOUT_MS });
  if (body?.status !== 'success') throw new ApiError('format', body?.error ?? `/api/v1${path} gave no data`);
  return body.data;
}

/** A connection that stays open. @param {string} path @param {CallOptions['params']} params */
export const openSocket = (path, params) => new WebSocket(`${window.location.origin.replace(/^http/, 'ws')}${withParams(path, params)}`);

/**
 * Evaluates targets over one range, in as few requests as the API's limit allows.
 * @param {import('./types.d.ts').Round} plan
 * @param {AbortSignal} [signal]
 * @returns {Promise<TargetResult[]>} in the order of the targets
 */
export async function queryBatch(plan, signal) {
  const parts = [];
  for (let at = 0; at < plan.targets.length; at += TARGETS_PER_BATCH_MAX) {
    parts.push(plan.targets.slice(at, at + TARGETS_PER_BATCH_MAX));
  }
  const answers = await Promise.all(parts.map((targets) => post('/api/ui/query', { from: plan.from, to: plan.to, targets, why: true }, signal)));
  return answers.flatMap((answer) => answer?.results ?? []);
}

/**
 * What a query evaluates to, or what is wrong with it and where. Nothing is evaluated.
 * @param {string} query
 * @param {string} language
 * @param {AbortSignal} [signal]
 * @returns {Promise<{kind?: 'vector' | 'matrix' | 'scalar' | 'string' | 'logs', error?: import('./types.d.ts').TargetError}>}
 */
export const parseQuery = (query, language, signal) => form('/api/ui/parse', { query, language }, signal);

/** A query in the usual layout. @param {string} query @param {string} language @returns {Promise<string>} */
export const formatQuery = async (query, language) => (await form(language === 'logql' ? '/loki/api/v1/format_query' : '/api/v1/format_query', { query })).data;

/**
 * Writes changes of a panel into the dashboard's file.
 * @param {string} uid
 * @param {number} panel
 * @param {{version: string, changes: any}} change
 */
export const changePanel = (uid, panel, change) => post(`/api/ui/dashboards/${encodeURIComponent(uid)}/panels/${panel}`, change);

/** @param {string} path @param {Record<string, string>} fields @param {AbortSignal} [signal] */
const form = (path, fields, signal) => call(path, { method: 'POST', body: new URLSearchParams(fields) }, { signal });

/** @param {unknown} body @returns {RequestInit} */
const posted = (body) => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** @param {string} path @param {unknown} body @param {AbortSignal} [signal] */
const post = (path, body, signal) => call(path, posted(body), { signal, timeoutMs: QUERY_TIMEOUT_MS });

/**
 * Posts, and hands on the answer's text as it comes, until either side ends it: first nothing, when the answer begins.
 * @param {string} path @param {unknown} body @param {(text: string) => void} onText @param {AbortSignal} signal
 */
export async function postStreamed(path, body, onText, signal) {
  try {
    const answer = await fetch(path, { ...posted(body), signal });
    report(true);
    if (!answer.ok) return read(answer, await answer.text());
    onText('');
    const pieces = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await pieces?.read(); piece && !piece.done; piece = await pieces?.read()) onText(piece.value);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (signal.aborted) throw new ApiError('aborted', 'the request was given up');
    report(false);
    throw new ApiError('network', 'the monitor cannot be reached');
  }
}
