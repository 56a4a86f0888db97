// The home page's figures: what to ask for each job, and one row a job out of the answers, worst first. Pure.
import { wireNumber } from './format.js';

/** @typedef {import('./types.d.ts').TargetResult} TargetResult */
/** @typedef {import('./types.d.ts').ActiveAlert} ActiveAlert */
/** @typedef {{kind: 'ok' | 'warn' | 'crit' | 'none', word: string}} Health */

/**
 * @typedef {object} Service
 * @property {string} job
 * @property {number} up instances that answered their last scrape
 * @property {number} instances
 * @property {number | null} rate requests per second
 * @property {number | null} errors share of requests that failed, 0 to 1
 * @property {number | null} p99 seconds
 * @property {(number | null)[]} history requests per second, over `historyMs`
 * @property {number} historyMs up to an hour; less while there is less to show
 * @property {ActiveAlert[]} firing
 * @property {Health} health
 */

export const HISTORY_MS = 3_600_000;

/** One point a minute draws a tile-wide line. */
export const HISTORY_STEP_MS = 60_000;

/** A lab that has just begun: closer points, so that there is a line after a few scrapes. */
export const RECENT_MS = 900_000;
export const RECENT_STEP_MS = 10_000;

/** Above this share of failed requests a job is not well, whatever its alerts wait for: the limit of the shipped HighErrorRate. */
export const ERRORS_HIGH = 0.05;

/** Long enough for four scrapes at the usual 15 s, so that a missed one leaves no hole. */
const WINDOW = '1m';

/**
 * How programs here count their requests: counter, which of them are somebody's (health checks are nobody's), the selector
 * of those that failed, histogram. Of those that a job has, the first counts. (Order services, gateway, load generator, the
 * monitor itself and any Prometheus.)
 */
const FAMILIES = [
  { requests: 'http_requests_total', which: 'endpoint!="/health"', failed: 'status=~"5.."', seconds: 'http_request_duration_seconds' },
  { requests: 'gateway_requests_total', which: '', failed: 'status=~"5.."', seconds: 'gateway_request_duration_seconds' },
  { requests: 'load_requests_total', which: '', failed: 'outcome!="ok"', seconds: 'load_request_duration_seconds' },
  { requests: 'prometheus_http_requests_total', which: '', failed: 'code=~"5.."', seconds: 'prometheus_http_request_duration_seconds' },
];

/** @typedef {typeof FAMILIES[number]} Family */

/** @param {(family: Family) => string} expr */
const either = (expr) => FAMILIES.map(expr).join(' or ');

/** @param {string} metric @param {string[]} matchers empty ones do not count */
function rateOf(metric, ...matchers) {
  const kept = matchers.filter((matcher) => matcher !== '').join(',');
  return `rate(${metric}${kept === '' ? '' : `{${kept}}`}[${WINDOW}])`;
}

/** @param {Family} family */
const allOf = ({ requests, which }) => `sum by (job) (${rateOf(requests, which)})`;

const RATE = either(allOf);

/** A job without a series of failures has had none: its share is nought, not unknown. */
const SHARE = either((family) => `(sum by (job) (${rateOf(family.requests, family.which, family.failed)}) or 0 * ${allOf(family)}) / ${allOf(family)}`);

const P99 = either(({ seconds, which }) => `histogram_quantile(0.99, sum by (job, le) (${rateOf(`${seconds}_bucket`, which)}))`);

/**
 * What the home page asks for at one look.
 * @param {number} now ms
 * @returns {import('./types.d.ts').Round}
 */
export function servicePlan(now) {
  const to = Math.floor(now / 1000) * 1000;
  const instant = (/** @type {string} */ id, /** @type {string} */ expr) => ({ id, expr, step_ms: HISTORY_STEP_MS, instant: true });
  return {
    from: to - HISTORY_MS,
    to,
    targets: [
      instant('up', 'up'),
      instant('rate', RATE),
      instant('errors', SHARE),
      instant('p99', P99),
      { id: 'hour', expr: RATE, step_ms: HISTORY_STEP_MS, instant: false },
      { id: 'recent', expr: RATE, step_ms: RECENT_STEP_MS, instant: false, from: to - RECENT_MS, to },
    ],
  };
}

/**
 * @param {TargetResult[]} results
 * @param {ActiveAlert[]} firing
 * @returns {Service[]}
 */
export function servicesOf(results, firing) {
  const byId = new Map(results.map((result) => [result.id, result]));
  /** @type {Map<string, {up: number, instances: number}>} */
  const jobs = new Map();
  for (const series of byId.get('up')?.series ?? []) {
    const value = wireNumber(series.values.at(-1));
    if (value === null) continue;
    const job = series.labels.job ?? '';
    const seen = jobs.get(job) ?? { up: 0, instances: 0 };
    jobs.set(job, { up: seen.up + (value === 1 ? 1 : 0), instances: seen.instances + 1 });
  }
  const history = historyOf(byId.get('hour'), byId.get('recent'));
  const list = [...jobs].map(([job, counts]) => {
    const own = firing.filter((alert) => alert.labels.job === job);
    const errors = latest(byId.get('errors'), job);
    return {
      job,
      ...counts,
      rate: latest(byId.get('rate'), job),
      errors,
      p99: latest(byId.get('p99'), job),
      history: seriesOf(history.result, job)?.values.slice(history.first).map((value) => wireNumber(value)) ?? [],
      historyMs: history.spanMs,
      firing: own,
      health: healthOf(counts, own, errors),
    };
  });
  return list.sort((a, b) => badness(b.health) - badness(a.health) || a.job.localeCompare(b.job));
}

/**
 * The hour once it holds more than the recent points do, those before; both from where the first job has a value on, so
 * that a line fills its tile and all tiles show the same time.
 * @param {TargetResult | undefined} hour @param {TargetResult | undefined} recent
 */
function historyOf(hour, recent) {
  const known = [hour, recent].map(cutOf);
  return known[0].spanMs >= RECENT_MS || known[1].spanMs === 0 ? known[0] : known[1];
}

/** @param {TargetResult | undefined} result */
function cutOf(result) {
  const starts = (result?.series ?? []).map(({ values }) => values.findIndex((value) => value !== null)).filter((at) => at >= 0);
  if (!result || starts.length === 0) return { result, first: 0, spanMs: 0 };
  const first = Math.min(...starts);
  return { result, first, spanMs: ((result.count ?? 0) - 1 - first) * (result.step ?? 0) };
}

/** @param {TargetResult | undefined} result @param {string} job */
const seriesOf = (result, job) => result?.series?.find((series) => (series.labels.job ?? '') === job);

/** @param {TargetResult | undefined} result @param {string} job a number, or null where there is none to speak of (no series, 0 / 0) */
function latest(result, job) {
  const value = wireNumber(seriesOf(result, job)?.values.at(-1));
  return value === null || Number.isNaN(value) ? null : value;
}

/**
 * @param {{up: number, instances: number}} counts
 * @param {ActiveAlert[]} firing
 * @param {number | null} errors
 * @returns {Health}
 */
function healthOf({ up, instances }, firing, errors) {
  if (up === 0) return { kind: 'crit', word: 'Down' };
  if (firing.some((alert) => alert.labels.severity === 'critical')) return { kind: 'crit', word: 'Critical' };
  if (up < instances) return { kind: 'warn', word: 'Partly down' };
  if (firing.length > 0) return { kind: 'warn', word: 'Alerting' };
  if (errors !== null && errors > ERRORS_HIGH) return { kind: 'warn', word: 'Failing' };
  return { kind: 'ok', word: 'Healthy' };
}

/** @param {Health} health */
const badness = (health) => ['none', 'ok', 'warn', 'crit'].indexOf(health.kind);
