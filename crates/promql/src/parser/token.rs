//! Tokens: what the lexer hands to the parser, and how errors name them.

use crate::ast::{AggregateOp, BinaryOp, Span};

/// A piece of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    /// As written.
    pub(crate) text: &'a str,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    Eof,
    /// What the lexer could not make sense of; reported when the parser gets there.
    Error(String),
    /// A word that could be a metric or a label name.
    Ident,
    /// A word with a colon: only a metric name.
    MetricIdent,
    /// A number, Inf and NaN included.
    Number(f64),
    /// A duration, in milliseconds.
    Duration(i64),
    /// A string, unescaped.
    Text(Vec<u8>),
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    At,
    /// `=` of a matcher.
    Assign,
    /// `=~`
    MatchRegex,
    /// `!~`
    MatchNotRegex,
    Operator(BinaryOp),
    Aggregator(AggregateOp),
    Keyword(Keyword),
}

/// Words with a meaning of their own that are neither operators nor aggregations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Offset,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Bool,
    Fill,
    FillLeft,
    FillRight,
    Anchored,
    Smoothed,
}

impl TokenKind {
    /// The meaning of a word outside braces; case does not count.
    pub(crate) fn of_word(word: &str) -> Self {
        // The longest such word has 12 letters; lower-casing a longer one would be wasted.
        if word.len() > 12 {
            return Self::plain_word(word);
        }
        let lower = word.to_ascii_lowercase();
        if let Some(op) = AggregateOp::ALL.into_iter().find(|op| op.as_str() == lower) {
            return Self::Aggregator(op);
        }
        match lower.as_str() {
            "and" => Self::Operator(BinaryOp::And),
            "or" => Self::Operator(BinaryOp::Or),
            "unless" => Self::Operator(BinaryOp::Unless),
            "atan2" => Self::Operator(BinaryOp::Atan2),
            "offset" => Self::Keyword(Keyword::Offset),
            "by" => Self::Keyword(Keyword::By),
            "without" => Self::Keyword(Keyword::Without),
            "on" => Self::Keyword(Keyword::On),
            "ignoring" => Self::Keyword(Keyword::Ignoring),
            "group_left" => Self::Keyword(Keyword::GroupLeft),
            "group_right" => Self::Keyword(Keyword::GroupRight),
            "bool" => Self::Keyword(Keyword::Bool),
            "fill" => Self::Keyword(Keyword::Fill),
            "fill_left" => Self::Keyword(Keyword::FillLeft),
            "fill_right" => Self::Keyword(Keyword::FillRight),
            "anchored" => Self::Keyword(Keyword::Anchored),
            "smoothed" => Self::Keyword(Keyword::Smoothed),
            "inf" => Self::Number(f64::INFINITY),
            "nan" => Self::Number(f64::NAN),
            _ => Self::plain_word(word),
        }
    }

    fn plain_word(word: &str) -> Self {
        if word.contains(':') { Self::MetricIdent } else { Self::Ident }
    }
}

impl Token<'_> {
    /// How an error names this token; Prometheus' forms.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            TokenKind::Eof => "end of input".to_owned(),
            TokenKind::Error(message) => message.clone(),
            TokenKind::Ident => format!("identifier {:?}", self.text),
            TokenKind::MetricIdent => format!("metric identifier {:?}", self.text),
            TokenKind::Number(_) => format!("number {}", self.quoted()),
            TokenKind::Duration(_) => format!("duration {}", self.quoted()),
            TokenKind::Text(_) => format!("string {}", self.quoted()),
            TokenKind::Operator(_) | TokenKind::MatchRegex | TokenKind::MatchNotRegex => {
                format!("<op:{}>", self.text)
            }
            TokenKind::Aggregator(_) => format!("<aggr:{}>", self.text),
            TokenKind::Keyword(_) => format!("<{}>", self.text),
            _ => self.quoted(),
        }
    }

    /// The text in quotes, cut short when long.
    fn quoted(&self) -> String {
        const SHOWN_CHARS: usize = 10;
        if self.text.chars().count() > SHOWN_CHARS {
            let head: String = self.text.chars().take(SHOWN_CHARS).collect();
            return format!("{head:?}...");
        }
        format!("{:?}", self.text)
    }

    /// Whether this word can stand where a metric name is expected.
    pub(crate) fn is_metric_name(&self) -> bool {
        match self.kind {
            TokenKind::Ident | TokenKind::MetricIdent | TokenKind::Aggregator(_) => true,
            TokenKind::Operator(op) => op.is_set(),
            TokenKind::Keyword(keyword) => !matches!(
                keyword,
                Keyword::On | Keyword::Ignoring | Keyword::GroupLeft | Keyword::GroupRight | Keyword::Bool
            ),
            _ => false,
        }
    }

    /// Whether this word can stand where a label name is expected.
    pub(crate) fn is_label_name(&self) -> bool {
        match self.kind {
            TokenKind::Ident | TokenKind::Aggregator(_) | TokenKind::Keyword(_) => true,
            TokenKind::Operator(op) => op.is_set() || op == BinaryOp::Atan2,
            TokenKind::Number(_) => self.text.starts_with(|c: char| c.is_ascii_alphabetic()),
            _ => false,
        }
    }
}
