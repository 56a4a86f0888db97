// Shapes that several modules speak about. Wire shapes are named as the API names them.

/** Label names and values of one series. */
export type Labels = Record<string, string>;

/** One answer value: null is "no value at this step"; strings carry what JSON has no number for. */
export type WireValue = number | null | 'NaN' | '+Inf' | '-Inf';

/** One series of a batched answer; values share the target's steps. */
export interface WireSeries { labels: Labels; values: WireValue[] }

/** Why a target has no answer; offsets are bytes into the expression. */
export interface TargetError { message: string; start?: number; end?: number; line?: number; column?: number }

/** Answer to one target of `POST /api/ui/query`. Times in ms. */
export interface TargetResult {
  id: string;
  start?: number;
  step?: number;
  count?: number;
  series?: WireSeries[];
  warnings?: string[];
  took_ms?: number;
  series_read?: number;
  samples_read?: number;
  lines_read?: number;
  bytes_read?: number;
  error?: TargetError;
  /** Set when the answer holds lines; the columns below are of equal length. */
  kind?: 'logs';
  times_ns?: string[];
  lines?: string[];
  label_sets?: Labels[];
  labels?: number[];
  metadata?: (Labels | null)[];
  /** For each set of labels the names of those that the pipeline made. */
  parsed?: string[][];
  why?: Why;
  /** Of a round that came by itself: the answer is that of the round before. */
  same?: boolean;
}

/** Why a target's answer is empty. `{at}` in the message stands for `at_ms`; offsets are bytes of the expression that `instead` may replace. */
export interface Why { kind: 'metric' | 'labels' | 'target' | 'time' | 'expression'; message: string; start: number; end: number; at_ms?: number; instead?: string[] }

/** One expression to evaluate. An instant target is evaluated at the end of the range; `from` and `to` where they are not the plan's. */
export interface Target {
  id: string;
  expr: string;
  step_ms: number;
  instant: boolean;
  from?: number;
  to?: number;
  /** PromQL when missing. */
  language?: 'promql' | 'logql';
  /** Of a query for lines. */
  limit?: number;
  direction?: 'backward' | 'forward';
}

/** What is asked for in one round. Times in ms. */
export interface Round { from: number; to: number; targets: Target[] }

/** What a panel wants to ask: both ends of its range moved down to a multiple of `grain_ms` (1 where nothing is aligned), or the later one up. */
export interface Plan extends Round { grain_ms: number; rounds_up: boolean }

/** A closed range of wall-clock time in ms. */
export interface Range { from: number; to: number }

/** A range as typed and as kept in the address: `now-6h`, `2026-11-20 14:00`, or ms. */
export interface RangeText { from: string; to: string }

/** What a panel's body should say. */
export interface PanelState { kind: 'loading' | 'ok' | 'error' | 'empty'; message: string }

/** Where a panel sits on the grid of 24 columns. */
export interface GridPos { x: number; y: number; w: number; h: number }

/** A panel of a dashboard document. Only what the pages read is named; files may hold anything. */
export interface PanelJson {
  id: number;
  type: string;
  title?: string;
  description?: string;
  transparent?: boolean;
  gridPos: GridPos;
  collapsed?: boolean;
  panels?: PanelJson[];
  targets?: any[];
  /** In a copy made by `repeat`: the panel of the file that it is a copy of. */
  sourceId?: number;
  /** In a copy made by `repeat`: the variables that stand for one value here. */
  scopedVars?: Record<string, VariableValue>;
  [key: string]: any;
}

/** A dashboard document with the gaps closed: every panel has an id and a place. */
export interface DashboardJson {
  uid: string;
  title: string;
  description?: string;
  tags: string[];
  panels: PanelJson[];
  time?: { from?: string; to?: string };
  refresh?: string | false | null;
  templating?: { list?: any[] };
  timezone?: string;
  [key: string]: any;
}

/** One choice of a variable. */
export interface Option { text: string; value: string }

/** A resolved variable: what is shown and what goes into expressions. */
export interface Variable {
  name: string;
  label: string;
  type: string;
  hide: number;
  multi: boolean;
  includeAll: boolean;
  allValue: string | null;
  options: Option[];
  /** Chosen values; `$__all` stands for all of them. */
  selected: string[];
  error: string | null;
  /** Of a data source: what kind it offers. */
  plugin?: string;
}

/** A variable as `interpolate.js` reads it; the value `$__all` stands for every option. */
export interface VariableValue {
  value: string | string[];
  text: string | string[];
  multi: boolean;
  includeAll: boolean;
  allValue: string | null;
  options: Option[];
  /** Of a data source: what kind it is. */
  plugin?: string;
  /** Of an ad hoc variable: what is put into every selector. */
  filters?: { key: string; operator: string; value: string }[];
}

/** One row of `GET /api/dashboards`. */
export interface DashboardEntry { uid: string; title: string; folder: string; tags: string[]; description: string; url: string }

/** An alert as `/api/v1/alerts` gives it. */
export interface ActiveAlert { labels: Labels; annotations: Labels; state: string; activeAt: string; value: string }

/** Alerts that are told together, as `/api/ui/notifications` gives them. */
export interface AlertGroup { labels: Labels; receiver: string; nextFlushInMs: number; alerts: GroupedAlert[] }

/** Who has an alert in hand, since when. */
export interface Ack { by: string; comment: string; at: string }

/** An alert of a group, with what keeps it from being told. */
export interface GroupedAlert {
  labels: Labels;
  fingerprint: string;
  startsAt: string;
  silencedBy?: string[];
  inhibitedBy?: string[];
  mutedBy?: string[];
  ack?: Ack | null;
}

/** A message to a receiver that was tried, whatever came of it: `error` is null when it was taken. */
export interface Notification {
  at: string;
  receiver: string;
  integration: string;
  group: string;
  status: 'firing' | 'resolved';
  firing: number;
  resolved: number;
  attempts: number;
  httpStatus: number | null;
  error: string | null;
  tookMs: number;
}

/** Who is told of what: `GET /api/ui/notifications`; notifications newest first. */
export interface Told { groups: AlertGroup[]; receivers: string[]; notifications: Notification[] }

/** A rule as `/api/v1/rules` gives it. Durations in seconds. */
export interface Rule {
  type: 'alerting' | 'recording';
  name: string;
  query: string;
  state?: 'firing' | 'pending' | 'inactive';
  duration?: number;
  keepFiringFor?: number;
  labels?: Labels;
  annotations?: Labels;
  alerts?: ActiveAlert[];
  health: string;
  lastError?: string;
  evaluationTime?: number;
  lastEvaluation?: string;
}

/** A rule group as `/api/v1/rules` gives it. Interval in seconds. */
export interface RuleGroup { name: string; file: string; interval: number; rules: Rule[]; lastEvaluation?: string; evaluationTime?: number }

/** A scrape target as `/api/v1/targets` gives it. */
export interface ScrapeTarget {
  labels: Labels;
  discoveredLabels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl?: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  health: 'up' | 'down' | 'unknown';
  scrapeInterval: string;
  scrapeTimeout: string;
}
