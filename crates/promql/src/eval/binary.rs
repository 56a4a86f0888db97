//! Binary operators: which operands are vectors, and who computes the rest.

use columns::{ABSENT, Steps, is_absent};
use rayon::prelude::*;

use crate::ast::{Binary, Matching, Span};
use crate::error::EvalError;
use crate::eval::Evaluator;
use crate::eval::column::{Column, Evaluated};
use columns::vector::Tally;
use columns::vector::{Compute, MatchError, MatchRules, arith, matching, sets};

impl Evaluator<'_> {
    pub(super) fn binary(
        &mut self,
        binary: &Binary,
        span: Span,
        steps: &Steps,
    ) -> Result<Evaluated, EvalError> {
        let lhs = self.eval(&binary.lhs, steps)?;
        let rhs = self.eval(&binary.rhs, steps)?;
        match (lhs, rhs) {
            (Evaluated::Scalar(mut lhs), Evaluated::Scalar(rhs)) => {
                let compute = arith::function(binary.op);
                lhs.iter_mut().zip(&rhs).for_each(|(a, b)| *a = compute(*a, *b));
                Ok(Evaluated::Scalar(lhs))
            }
            (Evaluated::Vector(columns), Evaluated::Scalar(scalar)) => {
                self.with_scalar(binary, columns, &scalar, false, span)
            }
            (Evaluated::Scalar(scalar), Evaluated::Vector(columns)) => {
                self.with_scalar(binary, columns, &scalar, true, span)
            }
            (Evaluated::Vector(lhs), Evaluated::Vector(rhs)) => self.vectors(binary, lhs, rhs, span, steps),
            _ => Err(EvalError::at(span, "operands must be scalars or instant vectors")),
        }
    }

    fn with_scalar(
        &self,
        binary: &Binary,
        mut columns: Vec<Column>,
        scalar: &[f64],
        scalar_first: bool,
        span: Span,
    ) -> Result<Evaluated, EvalError> {
        let compute = arith::function(binary.op);
        let filters = binary.op.is_comparison() && !binary.bool_modifier;
        columns.par_iter_mut().for_each(|column| {
            for (value, &scalar) in column.values.iter_mut().zip(scalar) {
                if is_absent(*value) {
                    continue;
                }
                let result = if scalar_first { compute(scalar, *value) } else { compute(*value, scalar) };
                if !filters {
                    *value = result;
                } else if result == 0.0 {
                    *value = ABSENT;
                }
            }
        });
        let columns = if filters { columns } else { self.named_away(columns, span)? };
        Ok(Evaluated::Vector(columns))
    }

    fn vectors(
        &mut self,
        binary: &Binary,
        lhs: Vec<Column>,
        rhs: Vec<Column>,
        span: Span,
        steps: &Steps,
    ) -> Result<Evaluated, EvalError> {
        let Some(rules) = &binary.matching else {
            return Err(EvalError::at(span, "two vectors without matching"));
        };
        let rules = &match_rules(rules);
        if binary.op.is_set() {
            return Ok(Evaluated::Vector(sets::combine(binary.op, rules, lhs, rhs, steps.count)));
        }
        let tally = Tally::from(&self.guard, self.held);
        let is_comparison = binary.op.is_comparison();
        let compute = Compute {
            function: arith::function(binary.op),
            is_comparison,
            filters: is_comparison && !binary.bool_modifier,
        };
        let columns =
            matching::combine(compute, rules, (lhs, rhs), steps.count, tally).map_err(
                |error| match error {
                    MatchError::Mismatch(message) => EvalError::at(span, message),
                    MatchError::Stop(stop) => stop.into(),
                },
            )?;
        if binary.bool_modifier {
            return self.named_away(columns, span).map(Evaluated::Vector);
        }
        Ok(Evaluated::Vector(columns))
    }
}

fn match_rules(rules: &Matching) -> MatchRules<'_> {
    MatchRules {
        cardinality: rules.cardinality,
        labels: &rules.labels,
        on: rules.on,
        include: &rules.include,
        fill_left: rules.fill_left.map(|number| number.value),
        fill_right: rules.fill_right.map(|number| number.value),
    }
}
