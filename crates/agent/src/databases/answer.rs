//! A server's answer to a query: named columns of text, in one buffer.

use std::ops::Range;

use crate::write::{Column, Out, Row};

/// Bytes of one answer that are kept. A server's thousand variables have 40 KiB; two hundred statements with their texts
/// 100 KiB. Rows beyond are left out and counted.
const ANSWER_MAX_BYTES: usize = 4 << 20;

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Answer {
    columns: Vec<String>,
    text: String,
    cells: Vec<Option<Range<usize>>>,
    /// Rows that did not fit.
    pub n_dropped: u64,
}

impl Answer {
    pub(super) fn set_columns(&mut self, columns: Vec<String>) {
        self.columns = columns;
    }

    pub(super) fn has_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    pub(super) fn n_columns(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is room for another row; counts it as dropped when there is not.
    pub(super) fn has_room(&mut self) -> bool {
        let has_room = self.text.len() < ANSWER_MAX_BYTES;
        self.n_dropped += u64::from(!has_room);
        has_room
    }

    /// Adds the next cell of the row under way.
    pub(super) fn push(&mut self, cell: Option<&str>) {
        let start = self.text.len();
        self.cells.push(cell.map(|text| {
            self.text.push_str(text);
            start..self.text.len()
        }));
    }

    /// The names of the columns, as the server gave them.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The place of a column; names of columns are not case sensitive in either engine.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Cells<'_>> {
        self.cells.chunks(self.columns.len().max(1)).map(|cells| Cells { text: &self.text, cells })
    }

    /// A row for each of ours: `labels` name columns that become labels (nothing is an empty label), `values` name columns
    /// and the families that they give.
    pub(super) fn table(&self, labels: &[&'static str], values: &[(&str, Column)], out: &mut Out) {
        let places = |names: &mut dyn Iterator<Item = &str>| -> Vec<Option<usize>> {
            names.map(|name| self.column(name)).collect()
        };
        let label_places = places(&mut labels.iter().copied());
        let value_places = places(&mut values.iter().map(|(name, _)| *name));
        let row = |cells: Cells<'_>| {
            let text = |place: &Option<usize>| place.and_then(|place| cells.text(place));
            let named = labels.iter().zip(&label_places);
            Row {
                labels: named.map(|(name, place)| (*name, text(place).unwrap_or("").to_owned())).collect(),
                values: value_places.iter().map(|place| text(place).and_then(number)).collect(),
            }
        };
        let rows: Vec<Row> = self.rows().map(row).collect();
        let columns: Vec<Column> = values.iter().map(|(_, column)| *column).collect();
        out.table(&columns, &rows);
    }
}

/// A number as either engine writes it; truth values of PostgreSQL count as numbers.
pub(super) fn number(text: &str) -> Option<f64> {
    match text {
        "t" => Some(1.0),
        "f" => Some(0.0),
        _ => crate::text::number(text.trim()),
    }
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    text: &'a str,
    cells: &'a [Option<Range<usize>>],
}

impl<'a> Cells<'a> {
    /// The text in a place; `None` for nothing (`NULL`).
    pub(super) fn text(&self, place: usize) -> Option<&'a str> {
        self.text.get(self.cells.get(place)?.clone()?)
    }

    /// The number in a place.
    pub(super) fn number(&self, place: usize) -> Option<f64> {
        number(self.text(place)?)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::write::gauge;

    /// An answer from lines of cells between bars; `NULL` is nothing.
    pub(in crate::databases) fn answer(text: &str) -> Answer {
        let mut lines = text.lines().map(|line| line.split('|').map(str::trim));
        let columns = lines.next().expect("columns").map(str::to_owned).collect();
        let mut answer = Answer::default();
        answer.set_columns(columns);
        for line in lines {
            let before = answer.cells.len();
            line.for_each(|cell| answer.push(Some(cell).filter(|c| *c != "NULL")));
            assert_eq!(answer.cells.len() - before, answer.n_columns());
        }
        answer
    }

    /// The samples that a part makes of an answer, one a line.
    pub(in crate::databases) fn samples(render: fn(&Answer, &mut Out), text: &str) -> Vec<String> {
        let mut out = Out::new(0);
        render(&answer(text), &mut out);
        out.finish().lines().filter(|line| !line.starts_with("# HELP")).map(str::to_owned).collect()
    }

    #[test]
    fn columns_become_labels_and_values() {
        let answer = answer("Name|state|N|b\nx|on|1.5|t\ny|NULL|NULL|f\nz||odd|NULL");
        let mut out = Out::new(0);
        answer.table(&["name", "state"], &[("n", gauge("n", "N.")), ("b", gauge("b", "B."))], &mut out);
        let body = out.finish();
        let samples: Vec<&str> = body.lines().filter(|l| !l.starts_with('#')).collect();
        let expected =
            [r#"n{name="x",state="on"} 1.5"#, r#"b{name="x",state="on"} 1"#, r#"b{name="y",state=""} 0"#];
        assert_eq!(samples, expected);
    }

    #[test]
    fn rows_beyond_the_limit_are_counted() {
        let mut answer = Answer::default();
        answer.set_columns(vec!["a".to_owned()]);
        assert!(answer.has_room());
        answer.push(Some(&"x".repeat(ANSWER_MAX_BYTES)));
        assert!(!answer.has_room() && !answer.has_room());
        assert_eq!(answer.n_dropped, 2);
    }
}
