//! Annotations: what is probably wrong (warnings) or worth a look (infos), in Prometheus' words.

use std::collections::BTreeSet;

use crate::ast::Span;

/// Kept of each sort. The API shows ten; a query over thousands of broken series must not collect thousands of texts.
const NOTES_MAX: usize = 100;

#[derive(Default)]
pub(crate) struct Notes {
    warnings: BTreeSet<String>,
    infos: BTreeSet<String>,
}

impl Notes {
    pub(crate) fn warn(&mut self, span: Span, text: &str) {
        put(&mut self.warnings, format!("PromQL warning: {text} ({}:{})", span.line, span.column));
    }

    pub(crate) fn info(&mut self, span: Span, text: &str) {
        put(&mut self.infos, format!("PromQL info: {text} ({}:{})", span.line, span.column));
    }

    pub(crate) fn into_texts(self) -> (Vec<String>, Vec<String>) {
        (self.warnings.into_iter().collect(), self.infos.into_iter().collect())
    }
}

fn put(notes: &mut BTreeSet<String>, text: String) {
    if notes.len() < NOTES_MAX {
        notes.insert(text);
    }
}
