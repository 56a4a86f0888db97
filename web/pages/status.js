// What the monitor says about itself: build, data, the last recovery, where the series are.
import { html } from '../lib/html.js';
import { fetchBuildInfo, fetchStatus, fetchTsdbStatus } from '../lib/client.js';
import { formatBytes, formatCount, plural } from '../lib/format.js';
import { formatDuration, formatTime, formatTimeShort } from '../lib/time.js';
import { clock, utc } from '../shell/clock.js';
import { StateMark } from '../shell/icons.js';
import { Failed, Loading, Stale } from '../shell/notice.js';
import { usePage } from '../shell/page.js';
import { useResource } from '../shell/resource.js';

/** Lists of `/api/v1/status/tsdb` and their names. */
const TOP_LISTS = [
  ['seriesCountByMetricName', 'Series by metric'],
  ['seriesCountByLabelValuePair', 'Series by label pair'],
  ['labelValueCountByLabelName', 'Values by label'],
  ['memoryInBytesByLabelName', 'Memory by label'],
];

export function StatusPage() {
  usePage({ title: 'Status', refresh: '10s' });
  const status = useResource((signal) => fetchStatus({ signal }));
  const build = useResource((signal) => fetchBuildInfo({ signal }));
  const tsdb = useResource((signal) => fetchTsdbStatus({ signal }));
  if (!status.data && status.error) return html`<div class="page"><${Failed} what="The status" error=${status.error} /></div>`;
  return html`<div class="page">
    <${Stale} error=${status.data ? status.error : null} />
    <div class="cards">
      <${Card} title="Program" answer=${status} body=${(/** @type {any} */ s) => html`<${Facts} pairs=${programFacts(s, build.data)} />`} />
      <${Card} title="Data in memory" answer=${status} body=${(/** @type {any} */ s) => html`<${Head} head=${s.head ?? {}} />`} />
      <${Card} title="Logs" answer=${status} body=${(/** @type {any} */ s) => html`<${Logs} logs=${s.logs ?? {}} />`} />
      <${Card} title="Last start" answer=${status} body=${(/** @type {any} */ s) => html`<${Recovery} report=${s.recovery} />`} />
    </div>
    <h2 class="section-title">Where the series are</h2>
    <${TopLists} answer=${tsdb} />
  </div>`;
}

/**
 * @param {any} status
 * @param {any} build
 * @returns {[string, any][]}
 */
function programFacts(status, build) {
  const started = Number(status.start_time_ms);
  return [
    ['version', status.version],
    ['revision', build?.revision],
    ['running for', started ? html`<span title=${formatTime(started, utc.value)}>${formatDuration(Math.max(0, clock.value - started))}</span>` : null],
    ['data directory', status.data_dir],
    ['retention', status.retention],
    ['scrape interval', status.scrape_interval_ms ? formatDuration(status.scrape_interval_ms) : null],
  ];
}

/** @param {{title: string, answer: import('../shell/resource.js').Resource<any>, body: (data: any) => any}} props */
function Card({ title, answer, body }) {
  return html`<section class="card card-padded" aria-label=${title}><h2>${title}</h2>
    ${answer.data ? body(answer.data) : answer.error ? html`<${Failed} what="This" error=${answer.error} />` : html`<${Loading} what=${title} rows=${4} />`}</section>`;
}

/** @param {{head: any}} props */
function Head({ head }) {
  const time = (/** @type {number | null} */ ms) => (ms === null || ms === undefined ? null : formatTimeShort(ms, utc.value));
  return html`${head.unavailable && html`<p><${StateMark} kind="crit" word="Refuses writes" /> <span class="muted">${String(head.unavailable)}</span></p>`}
    <${Facts} pairs=${[
      ['series', formatCount(head.series)],
      ['samples since start', formatCount(head.samples_appended)],
      ['chunks', head.chunks === undefined ? null : `${formatCount(head.chunks)}${head.chunk_bytes === undefined ? '' : `, ${formatBytes(head.chunk_bytes)}`}`],
      ['write-ahead log', head.wal_bytes === undefined ? null : formatBytes(head.wal_bytes)],
      ['oldest sample', time(head.min_time_ms)],
      ['newest sample', time(head.max_time_ms)],
    ]} />`;
}

/** @param {{logs: any}} props */
function Logs({ logs }) {
  const bytes = (/** @type {number | undefined} */ n) => (n === undefined ? null : formatBytes(n));
  return html`${logs.unavailable && html`<p><${StateMark} kind="crit" word="Refuses lines" /> <span class="muted">${String(logs.unavailable)}</span></p>`}
    <${Facts} pairs=${[
      ['streams', logs.streams === undefined ? null : formatCount(logs.streams)],
      ['lines waiting in memory', bytes(logs.open_bytes)],
      ['files', logs.files === undefined ? null : `${formatCount(logs.files)}, ${formatBytes(logs.file_bytes)}`],
      ['write-ahead log', bytes(logs.wal_bytes)],
      ['newest line', logs.newest_ms === null || logs.newest_ms === undefined ? null : formatTimeShort(logs.newest_ms, utc.value)],
    ]} />`;
}

/** @param {{report: any}} props a torn tail was never acknowledged, so cutting it loses nothing; damage elsewhere does */
function Recovery({ report }) {
  const damage = report?.quarantined ?? [];
  if (!report || (report.samples === 0 && report.series === 0 && damage.length === 0)) return html`<p class="muted">Started on an empty data directory: there was nothing to recover.</p>`;
  return html`<p>${damage.length > 0
    ? html`<${StateMark} kind="crit" word=${`Damaged data set aside in ${plural(damage.length, 'place')}`} />`
    : html`<${StateMark} kind="ok" word="Recovered, nothing lost" />`}</p>
    <${Facts} pairs=${[
      ['took', formatDuration(report.duration_ms ?? 0)],
      ['series', formatCount(report.series)],
      ['samples', formatCount(report.samples)],
      ['lost: their names were damaged', report.nameless_samples > 0 ? `${formatCount(report.nameless_samples)} samples` : null],
      ['unfinished record cut off', report.torn_bytes > 0 ? formatBytes(report.torn_bytes) : 'none'],
    ]} />
    ${damage.length > 0 && html`<ul class="plain damage">${damage.map((/** @type {string} */ place) => html`<li key=${place} class="target-error">${place}</li>`)}</ul>`}`;
}

/** @param {{pairs: [string, any][]}} props */
function Facts({ pairs }) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  if (known.length === 0) return html`<p class="muted">Nothing is reported.</p>`;
  return html`<dl class="facts facts-wide">${known.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** @param {{answer: import('../shell/resource.js').Resource<any>}} props */
function TopLists({ answer }) {
  if (!answer.data) return answer.error ? html`<${Failed} what="The lists" error=${answer.error} />` : html`<${Loading} what="series counts" rows=${6} />`;
  const lists = TOP_LISTS.filter(([key]) => answer.data[key]?.length > 0);
  if (lists.length === 0) return html`<p class="muted">No series yet.</p>`;
  return html`<div class="cards cards-narrow">${lists.map(([key, title]) => html`<${TopList} key=${key} title=${title} rows=${answer.data[key]} bytes=${key.startsWith('memory')} />`)}</div>`;
}

/** @param {{title: string, rows: {name: string, value: number}[], bytes: boolean}} props */
function TopList({ title, rows, bytes }) {
  const most = Math.max(...rows.map((row) => row.value), 1);
  return html`<section class="card card-padded" aria-label=${title}><h2>${title}</h2>
    <ol class="ranks">${rows.map((row) => html`<li key=${row.name}><span class="ranks-name mono" title=${row.name}>${row.name}</span>
      <span class="ranks-value">${bytes ? formatBytes(row.value) : formatCount(row.value)}</span>
      <span class="ranks-bar" style=${`width:${(row.value / most) * 100}%`} /></li>`)}</ol></section>`;
}
