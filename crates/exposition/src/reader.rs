//! Reads a body line by line.
//!
//! A caller that remembers the body before passes the series that stood at this place then: if it stands there again,
//! its text is compared, not scanned, and the row says so. In the steady state a line costs finding its end, one
//! comparison and one number.

use memchr::memchr;
use model::TimestampMs;

use crate::Format;
use crate::cursor::{Cursor, is_blank};
use crate::error::{LineError, ReadError, quoted};
use crate::meta::{self, Meta};
use crate::number::{parse_value, seconds_to_ms};
use crate::series::{self, Blanks, Expected, Label, Series, SeriesError};

/// One line that says something.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'a> {
    /// A sample.
    Sample(Row<'a>),
    /// Words about a metric family.
    Meta(Meta<'a>),
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    /// Which series.
    pub series: Series<'a>,
    /// True when the series is the one that the caller expected; see [`Reader::next_entry`].
    pub is_expected: bool,
    /// The value. Never a stale marker.
    pub value: f64,
    /// When, if the body says so.
    pub timestamp: Option<TimestampMs>,
    /// An example of what was counted, OpenMetrics only.
    pub exemplar: Option<Exemplar<'a>>,
    /// The line, counted from 1.
    pub line: u32,
}

/// An example of what a counter or bucket counted, such as one trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar<'a> {
    braces: &'a str,
    /// The value of the example.
    pub value: f64,
    /// When it was taken.
    pub timestamp: Option<TimestampMs>,
}

impl<'a> Exemplar<'a> {
    /// The labels, in the order of the body.
    ///
    /// # Errors
    /// When a name is there twice.
    pub fn labels(&self) -> Result<Vec<Label<'a>>, SeriesError> {
        let mut out: Vec<Label<'a>> = Vec::new();
        let mut duplicate = None;
        let scanned = series::scan_braces(&mut Cursor::new(self.braces), Blanks::Forbidden, false, |part| {
            if let series::Part::Label(name, value) = part {
                let (name, value) = (name.resolve(), value.resolve());
                if out.iter().any(|(n, _)| *n == name) {
                    duplicate = Some(name.clone().into_owned());
                }
                out.push((name, value));
            }
        });
        debug_assert!(scanned.is_ok(), "checked text {:?} does not scan", self.braces);
        duplicate.map_or(Ok(out), |name| Err(SeriesError::DuplicateLabel(name)))
    }
}

/// Goes through a body. After an error it yields nothing more.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a str,
    format: Format,
    line: u32,
    /// OpenMetrics: the end mark has been seen. Either format: an error was given out.
    is_done: bool,
}

impl<'a> Reader<'a> {
    /// A reader of `body`.
    ///
    /// # Errors
    /// When the body is not UTF-8.
    pub fn new(format: Format, body: &'a [u8]) -> Result<Self, ReadError> {
        let text = std::str::from_utf8(body).map_err(|e| not_utf8(body, e.valid_up_to()))?;
        Ok(Self { rest: text, format, line: 0, is_done: false })
    }

    /// The next line that says something; `None` at the end. `expected` is the series that the caller
    /// thinks comes next: the text of a [`Series`] of the same format, or "", or what knows such a text.
    pub fn next_entry(&mut self, expected: impl Expected) -> Option<Result<Entry<'a>, ReadError>> {
        loop {
            if self.is_done {
                return None;
            }
            let Some(line) = self.next_line() else {
                self.is_done = true;
                return self.missing_end();
            };
            let entry = match self.format {
                Format::Text => text_line(line, &expected),
                Format::OpenMetrics => self.openmetrics_line(line, &expected),
            };
            match entry {
                Ok(None) => {}
                Ok(Some(mut entry)) => {
                    if let Entry::Sample(row) = &mut entry {
                        row.line = self.line;
                    }
                    return Some(Ok(entry));
                }
                Err(error) => {
                    self.is_done = true;
                    return Some(Err(error.on_line(self.line)));
                }
            }
        }
    }

    /// The number of the line read last, counted from 1; 0 before the first.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// How many bytes have not been read.
    pub fn left_bytes(&self) -> usize {
        self.rest.len()
    }

    fn next_line(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', self.rest.as_bytes());
        let (line, rest) = match end {
            Some(end) => (self.rest.get(..end)?, self.rest.get(end + 1..)?),
            None => (self.rest, ""),
        };
        self.rest = rest;
        self.line += 1;
        Some(line)
    }

    fn missing_end(&self) -> Option<Result<Entry<'a>, ReadError>> {
        (self.format == Format::OpenMetrics)
            .then(|| Err(LineError::new(0, "data does not end with # EOF").on_line(self.line + 1)))
    }

    fn openmetrics_line(
        &mut self,
        line: &'a str,
        expected: &impl Expected,
    ) -> Result<Option<Entry<'a>>, LineError> {
        if line == "# EOF" {
            if !self.rest.is_empty() {
                self.line += 1;
                return Err(LineError::new(0, "unexpected data after # EOF"));
            }
            self.is_done = true;
            return Ok(None);
        }
        match line.as_bytes().first() {
            None => Err(LineError::new(0, "blank lines are not allowed")),
            Some(b'#') => meta::openmetrics_line(line).map(|meta| Some(Entry::Meta(meta))),
            Some(_) => openmetrics_row(line, expected).map(|row| Some(Entry::Sample(row))),
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Entry<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry("")
    }
}

#[cold]
fn not_utf8(body: &[u8], valid_up_to: usize) -> ReadError {
    let before = body.get(..valid_up_to).unwrap_or_default();
    let line = memchr::memchr_iter(b'\n', before).count();
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    LineError::new(valid_up_to - line_start, "invalid UTF-8")
        .on_line(u32::try_from(line).unwrap_or(u32::MAX - 1) + 1)
}

fn text_line<'a>(line: &'a str, expected: &impl Expected) -> Result<Option<Entry<'a>>, LineError> {
    let line_start = line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut cursor = Cursor::at_offset(line, line_start);
    match cursor.peek() {
        None => Ok(None),
        Some(b'#') => match meta::text_line(cursor.rest()) {
            Ok(meta) => Ok(meta.map(Entry::Meta)),
            Err(error) => Err(LineError { at: error.at + line_start, ..error }),
        },
        Some(_) => text_row(&mut cursor, expected).map(|row| Some(Entry::Sample(row))),
    }
}

/// `series value [timestamp in ms]`
fn text_row<'a>(cursor: &mut Cursor<'a>, expected: &impl Expected) -> Result<Row<'a>, LineError> {
    let (series, is_expected) = series_of(cursor, expected, Blanks::Allowed)?;
    cursor.skip_blanks();
    let value = value_of(cursor)?;
    cursor.skip_blanks();
    let mut timestamp = None;
    if !cursor.is_at_end() {
        let at = cursor.at();
        let word = cursor.word();
        let ms = word.parse::<i64>().ok().filter(|_| !word.starts_with('+'));
        let ms = ms.ok_or_else(|| {
            LineError::new(at, format!("expected a timestamp in milliseconds, found {}", quoted(word)))
        })?;
        timestamp = Some(TimestampMs(ms));
        cursor.skip_blanks();
    }
    expect_end(cursor)?;
    Ok(Row { series, is_expected, value, timestamp, exemplar: None, line: 0 })
}

/// `series value [timestamp in s][ # {labels} value [timestamp in s]]`, one blank each.
fn openmetrics_row<'a>(line: &'a str, expected: &impl Expected) -> Result<Row<'a>, LineError> {
    let cursor = &mut Cursor::new(line);
    let (series, is_expected) = series_of(cursor, expected, Blanks::Forbidden)?;
    expect_blank(cursor)?;
    let value = value_of(cursor)?;
    let timestamp = if cursor.rest().starts_with(" #") { None } else { seconds_of(cursor)? };
    let mut exemplar = None;
    if cursor.eat_str(" # ") {
        let from = cursor.at();
        series::scan_braces(cursor, Blanks::Forbidden, false, |_| {})?;
        let braces = cursor.since(from);
        expect_blank(cursor)?;
        exemplar = Some(Exemplar { braces, value: value_of(cursor)?, timestamp: seconds_of(cursor)? });
    }
    expect_end(cursor)?;
    Ok(Row { series, is_expected, value, timestamp, exemplar, line: 0 })
}

fn series_of<'a>(
    cursor: &mut Cursor<'a>,
    expected: &impl Expected,
    blanks: Blanks,
) -> Result<(Series<'a>, bool), LineError> {
    let from = cursor.at();
    if series::is_whole_series(cursor.rest(), expected) {
        cursor.skip(expected.text_bytes());
        return Ok((Series::checked(cursor.since(from)), true));
    }
    series::scan(cursor, blanks, |_| {})?;
    Ok((Series::checked(cursor.since(from)), false))
}

fn value_of(cursor: &mut Cursor<'_>) -> Result<f64, LineError> {
    let at = cursor.at();
    let word = cursor.word();
    parse_value(word).ok_or_else(|| {
        let found = if word.is_empty() { cursor.found() } else { quoted(word) };
        LineError::new(at, format!("expected a value, found {found}"))
    })
}

/// A blank and a number of seconds, if the line goes on so.
fn seconds_of(cursor: &mut Cursor<'_>) -> Result<Option<TimestampMs>, LineError> {
    if cursor.is_at_end() || !cursor.eat(b' ') {
        return Ok(None);
    }
    let at = cursor.at();
    let word = cursor.word();
    match parse_value(word).filter(|seconds| seconds.is_finite()) {
        Some(seconds) => Ok(Some(seconds_to_ms(seconds))),
        None => Err(LineError::new(at, format!("expected a timestamp in seconds, found {}", quoted(word)))),
    }
}

fn expect_blank(cursor: &mut Cursor<'_>) -> Result<(), LineError> {
    let at = cursor.at();
    let is_one = cursor.eat(b' ') && !cursor.peek().is_none_or(is_blank);
    if is_one { Ok(()) } else { Err(LineError::new(at, "expected one blank and a value")) }
}

fn expect_end(cursor: &Cursor<'_>) -> Result<(), LineError> {
    if cursor.is_at_end() {
        return Ok(());
    }
    Err(LineError::new(cursor.at(), format!("expected the end of the line, found {}", quoted(cursor.rest()))))
}
