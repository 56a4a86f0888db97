//! What a mistake's text adds to Loki's words: what could stand there, and what may have been meant.

use stdx::near::nearest;

use super::Parser;
use super::lexer::Kind;
use super::stages::STAGES;
use crate::ast::{Expr, RangeOp, VectorOp};
use crate::error::ParseError;

/// What may stand behind a selector or a stage.
pub(super) const STAGE: &str = "| or |= or |~ or |> or != or !~ or !> or the end";
pub(super) const VARIABLE: &str =
    "; a variable such as $__auto is replaced by a dashboard, here its value must stand";
pub(super) const UNWRAP: &str = "numbers need a function around them: sum_over_time({…} | unwrap x [5m])";
pub(super) const WITHOUT_UNWRAP: &str = "; write | unwrap and a label before the window";
pub(super) const WITH_UNWRAP: &str = "; it counts lines: leave the unwrap out, or take sum_over_time";

/// Functions that are neither over lines nor over vectors.
const OTHER_FUNCTIONS: [&str; 2] = ["vector", "label_replace"];

impl Parser<'_> {
    /// The word at hand does not fit; this may help.
    pub(super) fn advised(&self, expected: &str, advice: &str) -> ParseError {
        let error = self.unexpected(expected);
        ParseError::at(self.query, error.span.clone(), format!("{}; {advice}", error.message))
    }

    /// Something stands behind a query that is complete.
    pub(super) fn more_behind(&self, expr: &Expr) -> ParseError {
        match (expr, &self.peek().kind) {
            (Expr::Metric(_), Kind::Sign("[")) => {
                self.advised("an operator or the end", "a window stands behind lines: rate({…}[5m])")
            }
            (Expr::Metric(_), _) => self.unexpected("an operator or the end"),
            (Expr::Log(_), Kind::Sign("[")) => {
                self.advised(STAGE, "a window needs a function around it: count_over_time({…}[5m])")
            }
            (
                Expr::Log(_),
                Kind::Sign("+" | "-" | "*" | "/" | "%" | "^" | "==" | ">" | "<" | ">=" | "<="),
            ) => self.advised(STAGE, "lines are no numbers: count_over_time({…}[5m]) is one"),
            (Expr::Log(_), _) => self.unexpected(STAGE),
        }
    }

    /// There is no expression where one must be.
    pub(super) fn no_expression(&self) -> ParseError {
        let expected = "{ or a function or an aggregation or NUMBER";
        match &self.peek().kind {
            Kind::Sign("{") => self.advised(
                "a function or an aggregation or NUMBER",
                "lines are no numbers: count_over_time({…}[5m]) is one",
            ),
            _ if self.at == 0 => self.unexpected(expected),
            _ => self.unexpected("a function or an aggregation or NUMBER"),
        }
    }

    /// Nothing is called like the word at hand.
    pub(super) fn unknown_function(&self, name: &str) -> ParseError {
        let names =
            RangeOp::ALL.iter().map(|op| op.as_str()).chain(VectorOp::ALL.iter().map(|op| op.as_str()));
        let near = nearest(name, names.chain(OTHER_FUNCTIONS));
        let advice = match (near.first(), self.second()) {
            (_, Kind::Sign("=" | "=~" | "!=" | "!~")) => {
                "a selector stands in braces: {app=\"x\"}".to_owned()
            }
            (Some(near), _) => format!("there is no function {name:?}, did you mean {near:?}?"),
            (None, _) => format!("there is no function {name:?}"),
        };
        self.advised("a function or an aggregation", &advice)
    }

    /// A word behind a bar is neither a stage nor a label that is compared.
    pub(super) fn no_comparison(&self, name: &str) -> ParseError {
        let words = STAGES.into_iter().chain(["unwrap"]);
        let near = nearest(&name.to_ascii_lowercase(), words.filter(|word| !name.eq_ignore_ascii_case(word)));
        let advice = match near.first() {
            Some(near) => format!("there is no stage {name:?}, did you mean {near:?}?"),
            None => format!("{name:?} is no stage, so it is a label to be compared"),
        };
        self.advised("comparison operator", &advice)
    }
}
