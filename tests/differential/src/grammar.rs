//! Random queries over all that Prometheus 2.42 and 3 both know.
//!
//! Nothing that is looked at may lie on a sample or, for subqueries, on another subquery's grid: see `data`. Instants
//! are 389 ms past a second; a subquery looks at full seconds, so one within another goes by an offset of 137 ms.

use fastrand::Rng;

use crate::data::{SPAN_MS, START_MS};
use crate::moment::{When, seconds};

/// Milliseconds past a second of each instant that a query asks for.
const PHASE_MS: i64 = 389;
/// Parts within parts; deeper queries mostly fail or give nothing.
const DEPTH_MAX: u32 = 4;

const NAMES: [&str; 16] = [
    "requests_total",
    "requests_total",
    "temperature",
    "temperature",
    "pressure",
    "level",
    "build_info",
    "odd",
    "job:requests:sum",
    "limit",
    "lonely",
    "started",
    "extreme",
    "zero",
    "latency_bucket",
    "no_such_metric",
];
const LABELS: [&str; 9] = ["job", "job", "instance", "instance", "zone", "code", "version", "le", "absent"];
const MATCHERS: [&str; 24] = [
    r#"job="api""#,
    r#"job!="api""#,
    r#"job=~"a.*""#,
    r#"job=~"api|web""#,
    r#"job!~"db|web""#,
    r#"job=~".+""#,
    r#"zone="""#,
    r#"zone!="""#,
    r#"zone=~".*""#,
    r#"instance="0""#,
    r#"instance=~"[1-9]""#,
    r#"instance!~"^0$""#,
    r#"code=~"4..|5..""#,
    r#"code!~"2\\d\\d""#,
    r#"code=~`\d+`"#,
    r#"le=~"0.*""#,
    r#"kind='é "x"\\'"#,
    r#"kind!~"é.*""#,
    r#"job=~"(?i)API""#,
    r#"job=~"p""#,
    r#"path="/a/b""#,
    r#"version=~"1\\.(2|4)""#,
    r#"job="none""#,
    r#"job=~"""#,
];
const WITHIN: [&str; 9] = ["15s", "30s", "45s", "1m", "2m", "5m", "10m", "30m", "1h"];
/// Ranges that are seldom asked for.
const WITHIN_ODD: [&str; 5] = ["1m30s", "1h1m1s", "1d", "7200s", "1w2d"];
const OFFSETS: [&str; 9] = ["15s", "1m", "5m", "17m3s", "500ms", "-1m", "-7m30s", "1h", "2m500ms"];
const NUMBERS: [&str; 22] = [
    "0", "1", "2", "3", "5", "10", "100", "0.5", "0.9", "0.25", "1.5", "1e3", "1e-3", "0x1f", ".5", "Inf",
    "+Inf", "NaN", "7", "60", "1e6", "3600",
];
const OF_VECTOR: [&str; 41] = [
    "abs",
    "absent",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "deg",
    "exp",
    "floor",
    "histogram_count",
    "histogram_sum",
    "hour",
    "ln",
    "log10",
    "log2",
    "minute",
    "month",
    "rad",
    "round",
    "sgn",
    "sin",
    "sinh",
    "sort",
    "sort_desc",
    "sqrt",
    "tan",
    "tanh",
    "timestamp",
    "year",
    "abs",
    "absent",
    "timestamp",
];
const OF_RANGE: [&str; 25] = [
    "absent_over_time",
    "avg_over_time",
    "changes",
    "count_over_time",
    "delta",
    "deriv",
    "idelta",
    "increase",
    "irate",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "present_over_time",
    "rate",
    "resets",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
    "rate",
    "rate",
    "increase",
    "avg_over_time",
    "sum_over_time",
    "min_over_time",
    "max_over_time",
];
const AGGREGATIONS: [&str; 10] =
    ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "sum", "avg"];
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: [&str; 6] = ["==", "!=", ">", "<", ">=", "<="];

/// A query and when to evaluate it.
pub(crate) struct Question {
    pub(crate) query: String,
    pub(crate) when: When,
}

/// The question of a seed.
pub(crate) fn question(seed: u64) -> Question {
    let mut grammar = Grammar { rng: Rng::with_seed(seed), within_subquery: false };
    let when = grammar.when();
    let query = grammar.top(matches!(when, When::Instant(_)));
    Question { query, when }
}

struct Grammar {
    rng: Rng,
    within_subquery: bool,
}

impl Grammar {
    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[self.rng.usize(0..of.len())]
    }

    /// True once in `n` times.
    fn once_in(&mut self, n: u32) -> bool {
        self.rng.u32(0..n) == 0
    }

    /// A moment in the data or a little outside.
    fn moment(&mut self) -> i64 {
        START_MS + 1000 * self.rng.i64(-600..SPAN_MS / 1000 + 600) + PHASE_MS
    }

    fn when(&mut self) -> When {
        let start = self.moment();
        if self.rng.bool() {
            return When::Instant(start);
        }
        let step = 1000 * [1, 7, 15, 30, 60, 300, 900][self.rng.usize(0..7)];
        let steps = self.rng.i64(0..40);
        // The end need not be a step.
        let over = 1000 * self.rng.i64(0..step / 1000);
        When::Range { start, end: start + steps * step + over, step }
    }

    fn top(&mut self, instant: bool) -> String {
        match self.rng.u32(0..30) {
            0 => self.scalar(2),
            1 if instant => self.range(1),
            2 if instant => {
                self.one(&[r#""a 'text' \u00e9""#, r"'it\'s\t\x41'", r"`raw\n`", r#""""#]).to_owned()
            }
            3 => self.wrong(),
            _ => self.vector(DEPTH_MAX),
        }
    }

    /// Something that both must refuse, or that both must take.
    fn wrong(&mut self) -> String {
        let (vector, scalar, range) = (self.vector(1), self.scalar(1), self.range(1));
        let kinds = [
            format!("rate({vector})"),
            format!("abs({range})"),
            format!("sum({scalar})"),
            format!("{range} + {scalar}"),
            format!("{scalar} > {scalar}"),
            format!("{scalar} and {vector}"),
            format!("abs({vector}, {scalar})"),
            format!("no_such_function({vector})"),
            format!("topk({vector})"),
            format!("({vector}"),
            format!("{vector} offset"),
            format!("vector({vector})"),
            format!("sum by job ({vector})"),
            format!("{vector} + on (job) group_left group_right {vector}"),
            format!("{vector} and on (job) group_left {vector}"),
            format!("{vector} + bool {vector}"),
            "{}".to_owned(),
            r#"{job=~".*"}"#.to_owned(),
            format!("time({scalar})"),
            format!("{range}[5m]"),
            format!("({vector})[5m]"),
            format!("{vector} == bool {scalar}"),
            "\"text\" + 1".to_owned(),
            format!("round({vector}, {scalar}, {scalar})"),
            format!("x{{job=\"a\"}} {{job=\"b\"}}[{scalar}]"),
        ];
        kinds[self.rng.usize(0..kinds.len())].clone()
    }

    fn scalar(&mut self, depth: u32) -> String {
        if depth == 0 || self.rng.bool() {
            return match self.rng.u32(0..8) {
                0 => "time()".to_owned(),
                1 => "pi()".to_owned(),
                2 => format!("{}{}", self.one(&["-", "-", "+", "--"]), self.one(&NUMBERS)),
                _ => self.one(&NUMBERS).to_owned(),
            };
        }
        match self.rng.u32(0..6) {
            0 => format!("scalar({})", self.vector(depth - 1)),
            1 => format!("-({})", self.scalar(depth - 1)),
            2 => {
                let op = self.one(&COMPARISONS);
                format!("({} {op} bool {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
            _ => {
                let op = self.one(&ARITHMETIC);
                format!("({} {op} {})", self.scalar(depth - 1), self.scalar(depth - 1))
            }
        }
    }

    fn selector(&mut self) -> String {
        let mut matchers: Vec<&str> = Vec::new();
        while self.rng.u32(0..5) < 2 {
            matchers.push(self.one(&MATCHERS));
        }
        let name = self.one(&NAMES);
        let comma = if !matchers.is_empty() && self.once_in(6) { "," } else { "" };
        let matchers = matchers.join(", ");
        match self.rng.u32(0..14) {
            0 if matchers.is_empty() => format!(r#"{{__name__="{name}"}}"#),
            0 => format!(r#"{{__name__="{name}", {matchers}{comma}}}"#),
            1 => {
                let names = ["temperature|pressure", "l.*", "latency_.+", "odd|level", "re.*|te.*"];
                let name = self.one(&names);
                if matchers.is_empty() {
                    format!(r#"{{__name__=~"{name}"}}"#)
                } else {
                    format!(r#"{{{matchers}, __name__=~"{name}"}}"#)
                }
            }
            _ if matchers.is_empty() => name.to_owned(),
            _ => format!("{name}{{{matchers}{comma}}}"),
        }
    }

    fn modifiers(&mut self) -> String {
        let offset = if self.once_in(5) { format!(" offset {}", self.one(&OFFSETS)) } else { String::new() };
        let at = if self.once_in(8) { self.at() } else { String::new() };
        if self.rng.bool() { format!("{offset}{at}") } else { format!("{at}{offset}") }
    }

    fn at(&mut self) -> String {
        match self.rng.u32(0..4) {
            0 => " @ start()".to_owned(),
            1 => " @ end()".to_owned(),
            // Before and long after all samples.
            2 if self.once_in(8) => self.one(&[" @ -5.25", " @ 0", " @ 2e9"]).to_owned(),
            _ => format!(" @ {}", seconds(self.moment())),
        }
    }

    /// A range vector.
    fn range(&mut self, depth: u32) -> String {
        if depth == 0 || !self.once_in(4) {
            let selector = self.selector();
            let range = if self.once_in(20) { self.one(&WITHIN_ODD) } else { self.one(&WITHIN) };
            let modifiers = self.modifiers();
            return format!("{selector}[{range}]{modifiers}");
        }
        let outer = std::mem::replace(&mut self.within_subquery, true);
        let inner = if self.rng.bool() { self.selector() } else { format!("({})", self.vector(depth - 1)) };
        self.within_subquery = outer;
        let range = self.one(&WITHIN[2..8]);
        let step = self.one(&["", "15s", "20s", "1m", "7s", "90s"]);
        let at = if self.once_in(8) { self.at() } else { String::new() };
        let offset = match self.rng.u32(0..4) {
            _ if self.within_subquery && at.is_empty() => {
                format!(" offset {}137ms", self.one(&["", "1m", "-3m"]))
            }
            0 => format!(" offset {}", self.one(&["1m", "-5m", "17s", "10m"])),
            _ => String::new(),
        };
        format!("{inner}[{range}:{step}]{at}{offset}")
    }

    fn labels(&mut self) -> String {
        let count = self.rng.usize(0..4);
        let names: Vec<&str> = (0..count).map(|_| self.one(&LABELS)).collect();
        let comma = if count > 0 && self.once_in(10) { "," } else { "" };
        format!("({}{comma})", names.join(", "))
    }

    fn vector(&mut self, depth: u32) -> String {
        if depth == 0 {
            let (selector, modifiers) = (self.selector(), self.modifiers());
            return format!("{selector}{modifiers}");
        }
        let depth = depth - 1;
        match self.rng.u32(0..40) {
            0..4 => self.vector(0),
            4..12 => {
                let (function, range) = (self.one(&OF_RANGE), self.range(depth));
                format!("{function}({range})")
            }
            12..19 => self.aggregation(depth),
            19..25 => {
                let (function, vector) = (self.one(&OF_VECTOR), self.vector(depth));
                format!("{function}({vector})")
            }
            25..29 => self.other_call(depth),
            29..38 => self.binary(depth),
            38 => format!("{}{}", self.one(&["-", "-", "+"]), self.vector(depth)),
            _ => format!("({}) # comment\n", self.vector(depth)),
        }
    }

    fn aggregation(&mut self, depth: u32) -> String {
        let inner = self.vector(depth);
        let (op, arguments) = match self.rng.u32(0..10) {
            0 => (self.one(&["topk", "bottomk"]), format!("({}, {inner})", self.k(depth))),
            1 => ("quantile", format!("({}, {inner})", self.share(depth))),
            2 => {
                let label = self.one(&["value", "value", "job", "__name__", "le"]);
                ("count_values", format!("(\"{label}\", {inner})"))
            }
            _ => (self.one(&AGGREGATIONS), format!("({inner})")),
        };
        let grouping = match self.rng.u32(0..5) {
            0 | 1 => format!("by {}", self.labels()),
            2 => format!("without {}", self.labels()),
            _ => return format!("{op}{arguments}"),
        };
        if self.rng.bool() {
            format!("{op} {grouping} {arguments}")
        } else {
            format!("{op}{arguments} {grouping}")
        }
    }

    fn k(&mut self, depth: u32) -> String {
        if self.once_in(5) {
            self.scalar(depth.min(1))
        } else {
            self.one(&["1", "2", "3", "5", "0"]).to_owned()
        }
    }

    /// The share that a quantile asks for: mostly within 0 and 1.
    fn share(&mut self, depth: u32) -> String {
        if self.once_in(5) {
            return self.scalar(depth.min(1));
        }
        self.one(&["0", "0.1", "0.5", "0.75", "0.99", "1", "-0.5", "1.5", "NaN"]).to_owned()
    }

    fn other_call(&mut self, depth: u32) -> String {
        match self.rng.u32(0..16) {
            0 | 1 => format!("quantile_over_time({}, {})", self.share(depth), self.range(depth)),
            2 => format!("predict_linear({}, {})", self.range(depth), self.scalar(depth.min(1))),
            3 => {
                let factors = ["0.5", "0.25", "0.1", "0.9", "0.999", "0", "1"];
                let (level, trend) = (self.one(&factors), self.one(&factors));
                format!("holt_winters({}, {level}, {trend})", self.range(depth))
            }
            4 => format!("clamp_min({}, {})", self.vector(depth), self.scalar(depth.min(2))),
            5 => format!("clamp_max({}, {})", self.vector(depth), self.scalar(depth.min(2))),
            6 => {
                let (vector, low, high) = (self.vector(depth), self.scalar(1), self.scalar(1));
                format!("clamp({vector}, {low}, {high})")
            }
            7 => format!("round({}, {})", self.vector(depth), self.scalar(depth.min(1))),
            8 => format!("vector({})", self.scalar(depth)),
            9 | 10 => {
                let (to, from) = (self.one(&["to", "job", "zone", "__name__"]), self.one(&LABELS));
                let with = self.one(&["x", "$1", "$1-$2", "${1}y", "", "$0", "$$1", "$name"]);
                let regex = self.one(&[".*", "(.*)", "(a|d)(.*)", "[0-9]", "(?P<name>.).*", "^(.)pi$", ""]);
                format!(r#"label_replace({}, "{to}", "{with}", "{from}", "{regex}")"#, self.vector(depth))
            }
            11 => {
                let to = self.one(&["to", "job", "__name__"]);
                let with = self.one(&["-", "", ", "]);
                let sources: Vec<String> =
                    (0..self.rng.usize(1..4)).map(|_| format!(", '{}'", self.one(&LABELS))).collect();
                format!(r#"label_join({}, "{to}", `{with}`{})"#, self.vector(depth), sources.concat())
            }
            12 => self
                .one(&[
                    "minute()",
                    "hour()",
                    "day_of_week()",
                    "day_of_month()",
                    "day_of_year()",
                    "month()",
                    "days_in_month()",
                    "year()",
                ])
                .to_owned(),
            _ => {
                let (share, range) = (self.share(depth), self.one(&WITHIN[3..]));
                let buckets = match self.rng.u32(0..4) {
                    0 => "latency_bucket".to_owned(),
                    1 => format!("rate(latency_bucket[{range}])"),
                    2 => format!("sum by (le, job) (rate(latency_bucket[{range}]))"),
                    _ => self.vector(depth),
                };
                format!("histogram_quantile({share}, {buckets})")
            }
        }
    }

    fn binary(&mut self, depth: u32) -> String {
        let comparison = self.once_in(3);
        let op = if comparison { self.one(&COMPARISONS) } else { self.one(&ARITHMETIC) };
        let with_bool = if comparison && self.rng.bool() { " bool" } else { "" };
        match self.rng.u32(0..10) {
            0..2 => format!("{} {op}{with_bool} {}", self.vector(depth), self.scalar(depth.min(2))),
            2..4 => format!("{} {op}{with_bool} {}", self.scalar(depth.min(2)), self.vector(depth)),
            4..6 => {
                let op = self.one(&["and", "or", "unless"]);
                let matching = self.matching();
                format!("{} {op}{matching} {}", self.vector(depth), self.operand(depth))
            }
            6..8 => {
                // Two sides that do match, mostly.
                let (a, b) = (self.one(&NAMES[..8]), self.one(&NAMES[..8]));
                let keep = self.one(&["job", "job, instance", "instance, zone"]);
                let (left, right) = (self.one(&["sum", "max"]), self.one(&["min", "avg"]));
                format!("{left} by ({keep}) ({a}) {op}{with_bool} {right} by ({keep}) ({b})")
            }
            8 => {
                let group = self.one(&["group_left", "group_right"]);
                let include = if self.rng.bool() { self.labels() } else { String::new() };
                let (many, one) = (
                    self.one(&["requests_total", "temperature", "odd"]),
                    self.one(&["build_info", "pressure", "level"]),
                );
                let (left, right) = if group == "group_left" { (many, one) } else { (one, many) };
                format!("{left} {op}{with_bool} on (job, instance) {group} {include} {right}")
            }
            _ => {
                let matching = self.matching();
                let group = match self.rng.u32(0..4) {
                    0 if !matching.is_empty() => format!(" group_left {}", self.labels()),
                    1 if !matching.is_empty() => " group_right".to_owned(),
                    _ => String::new(),
                };
                format!("{} {op}{with_bool}{matching}{group} {}", self.vector(depth), self.operand(depth))
            }
        }
    }

    /// A right side: in parentheses when it could be taken for the labels of a group clause.
    fn operand(&mut self, depth: u32) -> String {
        let vector = self.vector(depth);
        if vector.starts_with('(') || self.rng.bool() { format!("({vector})") } else { vector }
    }

    fn matching(&mut self) -> String {
        match self.rng.u32(0..4) {
            0 => format!(" on {}", self.labels()),
            1 => format!(" ignoring {}", self.labels()),
            2 => " on (job, instance)".to_owned(),
            _ => String::new(),
        }
    }
}
