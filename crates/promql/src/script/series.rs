//! Series lines: `name{label="x"} 1 2 _ 3+1x5 stale`.

use model::{Labels, STALE_NAN};

use crate::parser::{number, parse_metric};

/// One position of a series line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Point {
    /// `_`
    None,
    /// A number, or the stale marker.
    Float(f64),
    /// `{{…}}`; what it says is not kept while native histograms are not supported.
    Histogram,
}

/// The most positions one series line may spell out; upstream's longest script has 4000.
const POINTS_MAX: usize = 1_000_000;

/// Parses a whole line.
pub(super) fn parse_line(line: &str) -> Result<(Labels, Vec<Point>), String> {
    let (metric, values) = line.split_at(metric_length(line));
    let labels = parse_metric(metric.trim()).map_err(|error| error.to_string())?;
    Ok((labels, parse_values(values)?))
}

/// How many bytes the metric takes: the name up to a blank, or up to the brace that closes its labels.
pub(super) fn metric_length(line: &str) -> usize {
    let name = line.find(|c: char| c == '{' || c.is_whitespace()).unwrap_or(line.len());
    let blanks = line[name..].len() - line[name..].trim_start().len();
    let rest = &line[name + blanks..];
    if !rest.starts_with('{') || rest.starts_with("{{") {
        return name;
    }
    let (mut quote, mut escaped) = (None, false);
    for (i, c) in rest.char_indices() {
        match quote {
            Some('`') if c == '`' => quote = None,
            Some('`') => {}
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c == '}' => return name + blanks + i + 1,
            None => {}
        }
    }
    line.len()
}

/// Parses the values behind a metric: `1 2 _ 3+1x5 stale`.
///
/// # Errors
/// A sentence that quotes the item that is no value.
pub fn parse_values(text: &str) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let length = item_length(rest)?;
        let (item, next) = rest.split_at(length);
        parse_item(item, &mut points)?;
        if points.len() > POINTS_MAX {
            return Err(format!("more than {POINTS_MAX} values in one series"));
        }
        rest = next.trim_start();
    }
    Ok(points)
}

/// An item ends at a blank; within `{{ }}` blanks do not count.
fn item_length(text: &str) -> Result<usize, String> {
    let (mut at, mut inside) = (0, false);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("{{") {
            (inside, at) = (true, at + 2);
        } else if rest.starts_with("}}") {
            (inside, at) = (false, at + 2);
        } else if !inside && rest.starts_with(char::is_whitespace) {
            return Ok(at);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    if inside { Err(format!("unclosed histogram in {text:?}")) } else { Ok(at) }
}

fn parse_item(item: &str, points: &mut Vec<Point>) -> Result<(), String> {
    let wrong = || format!("{item:?} is no value of a series");
    if item.contains("{{") {
        let times = item.rfind("}}x").map(|i| item[i + 3..].parse::<usize>());
        let times = times.transpose().map_err(|_| wrong())?.unwrap_or(1);
        // `{{A}}+{{B}}xN` has the start and N more; `{{A}}xN` has N.
        let sum = item.contains("}}+{{") || item.contains("}}-{{");
        return repeat(points, Point::Histogram, times + usize::from(sum));
    }
    if let Some(gaps) = item.strip_prefix('_') {
        let count = match gaps.strip_prefix('x') {
            Some(count) => count.parse().map_err(|_| wrong())?,
            None if gaps.is_empty() => 1,
            None => return Err(wrong()),
        };
        return repeat(points, Point::None, count);
    }
    if item == "stale" {
        points.push(Point::Float(STALE_NAN));
        return Ok(());
    }
    let (numbers, times) = match item.rsplit_once('x') {
        Some((numbers, times)) => (numbers, Some(times.parse::<usize>().map_err(|_| wrong())?)),
        None => (item, None),
    };
    let (start, step) = split_step(numbers);
    let start = parse_float(start).ok_or_else(wrong)?;
    match (step, times) {
        (None, None) => points.push(Point::Float(start)),
        (None, Some(times)) => return repeat(points, Point::Float(start), times + 1),
        (Some(_), None) => return Err(wrong()),
        (Some(step), Some(times)) => {
            let step = parse_float(step).ok_or_else(wrong)?;
            if times > POINTS_MAX {
                return Err(format!("more than {POINTS_MAX} values in one series"));
            }
            let mut value = start;
            for _ in 0..=times {
                points.push(Point::Float(value));
                value += step;
            }
        }
    }
    Ok(())
}

fn repeat(points: &mut Vec<Point>, point: Point, count: usize) -> Result<(), String> {
    if count > POINTS_MAX {
        return Err(format!("more than {POINTS_MAX} values in one series"));
    }
    points.extend(std::iter::repeat_n(point, count));
    Ok(())
}

/// `1+2` into `1` and `+2`; a sign at the start or of an exponent parts nothing.
fn split_step(text: &str) -> (&str, Option<&str>) {
    let bytes = text.as_bytes();
    let at =
        (1..bytes.len()).find(|&i| matches!(bytes[i], b'+' | b'-') && !matches!(bytes[i - 1], b'e' | b'E'));
    at.map_or((text, None), |at| (&text[..at], Some(&text[at..])))
}

fn parse_float(text: &str) -> Option<f64> {
    let (sign, magnitude) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    match magnitude.to_ascii_lowercase().as_str() {
        "inf" => Some(sign * f64::INFINITY),
        "nan" => Some(f64::NAN),
        _ => number::parse_float(magnitude).map(|value| sign * value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(text: &str) -> Vec<f64> {
        let points = parse_values(text).expect("valid values");
        points.iter().map(|point| if let Point::Float(value) = point { *value } else { -99.0 }).collect()
    }

    #[test]
    fn values() {
        for (text, expected) in [
            ("5 -2 +1.5 .5 1e3 1_000", &[5.0, -2.0, 1.5, 0.5, 1000.0, 1000.0] as &[f64]),
            ("7x2", &[7.0, 7.0, 7.0]),
            ("1+2x3", &[1.0, 3.0, 5.0, 7.0]),
            ("10-2x2\t1", &[10.0, 8.0, 6.0, 1.0]),
            ("1 _ _x2 2", &[1.0, -99.0, -99.0, -99.0, 2.0]),
            ("-1e+2-1x1", &[-100.0, -101.0]),
            ("0x3", &[0.0; 4]),
            ("{{schema:0 count:1}}x2 {{}}+{{count:1}}x2", &[-99.0; 5]),
        ] {
            assert_eq!(floats(text), expected, "{text}");
        }
        assert!(floats("NaN+0x1")[1].is_nan());
        assert!(model::is_stale(floats("stale")[0]));
    }

    #[test]
    fn mistakes() {
        for text in ["abc", "1+2", "_y", "{{count:1", "1x", "5 #"] {
            assert!(parse_values(text).is_err(), "{text}");
        }
    }

    #[test]
    fn metric_and_values_part_at_the_right_place() {
        for (line, labels) in [
            ("up 1", r#"up"#),
            (r#"a{b="c} d", e='}'} 1 2"#, r#"a{b="c} d", e="}"}"#),
            (r#"{"utf8.name", "l.x"="y"} 1"#, r#"utf8.name{l.x="y"}"#),
            ("{} {{}}", "{}"),
            ("x {{}}", "x"),
        ] {
            assert_eq!(
                parse_line(line).map(|(parsed, _)| parsed.to_string()),
                Ok(labels.to_owned()),
                "{line}"
            );
        }
    }
}
