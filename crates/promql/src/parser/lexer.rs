//! From text to tokens. Never fails: what makes no sense becomes an error token, which the parser reports when it
//! gets there, so that an earlier mistake is told first.

use crate::ast::{BinaryOp, Span};
use crate::parser::number;
use crate::parser::token::{Token, TokenKind};
use model::quoted as text;

/// Splits a query into tokens; the last one is the end or an error.
pub(crate) fn tokens(query: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer::new(query);
    let mut all = Vec::new();
    loop {
        let token = lexer.next_token();
        let last = matches!(token.kind, TokenKind::Eof | TokenKind::Error(_));
        all.push(token);
        if last {
            return all;
        }
    }
}

struct Lexer<'a> {
    query: &'a str,
    /// Next byte to read.
    at: usize,
    /// Line of `line_start`, from 1.
    line: u32,
    line_start: usize,
    paren_depth: usize,
    in_braces: bool,
    in_brackets: bool,
}

impl<'a> Lexer<'a> {
    fn new(query: &'a str) -> Self {
        Self { query, at: 0, line: 1, line_start: 0, paren_depth: 0, in_braces: false, in_brackets: false }
    }

    fn rest(&self) -> &'a str {
        &self.query[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    fn next_token(&mut self) -> Token<'a> {
        self.skip_blanks();
        let (start, line, column) = (self.at, self.line, (self.at - self.line_start + 1) as u32);
        let kind = self.scan();
        // A raw string may hold line ends; positions after it must count them.
        for (i, _) in self.query[start..self.at].match_indices('\n') {
            self.line += 1;
            self.line_start = start + i + 1;
        }
        let span = Span { start: start as u32, end: self.at as u32, line, column };
        Token { kind, text: &self.query[start..self.at], span }
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                '\n' => {
                    self.at += 1;
                    self.line += 1;
                    self.line_start = self.at;
                }
                ' ' | '\t' | '\r' => self.at += 1,
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                _ => return,
            }
        }
    }

    fn scan(&mut self) -> TokenKind {
        let Some(c) = self.peek() else { return self.end() };
        match c {
            '"' | '\'' | '`' => self.text(),
            'a'..='z' | 'A'..='Z' | '_' => self.word(),
            _ if self.in_braces => self.in_braces(c),
            ':' if self.in_brackets => self.take(1, TokenKind::Colon),
            ':' => self.word(),
            '0'..='9' => self.number(),
            '.' if self.second().is_some_and(|next| next.is_ascii_digit()) => self.number(),
            _ => self.punctuation(c),
        }
    }

    fn end(&self) -> TokenKind {
        if self.in_braces {
            TokenKind::Error("unexpected end of input inside braces".to_owned())
        } else if self.in_brackets {
            TokenKind::Error("unclosed left bracket".to_owned())
        } else if self.paren_depth > 0 {
            TokenKind::Error("unclosed left parenthesis".to_owned())
        } else {
            TokenKind::Eof
        }
    }

    fn take(&mut self, bytes: usize, kind: TokenKind) -> TokenKind {
        self.at += bytes;
        kind
    }

    fn punctuation(&mut self, c: char) -> TokenKind {
        let next = self.second();
        match c {
            ',' => self.take(1, TokenKind::Comma),
            '@' => self.take(1, TokenKind::At),
            '+' => self.take(1, TokenKind::Operator(BinaryOp::Add)),
            '-' => self.take(1, TokenKind::Operator(BinaryOp::Sub)),
            '*' => self.take(1, TokenKind::Operator(BinaryOp::Mul)),
            '/' => self.take(1, TokenKind::Operator(BinaryOp::Div)),
            '%' => self.take(1, TokenKind::Operator(BinaryOp::Mod)),
            '^' => self.take(1, TokenKind::Operator(BinaryOp::Pow)),
            '>' if next == Some('=') => self.take(2, TokenKind::Operator(BinaryOp::Ge)),
            '>' => self.take(1, TokenKind::Operator(BinaryOp::Gt)),
            '<' if next == Some('=') => self.take(2, TokenKind::Operator(BinaryOp::Le)),
            '<' => self.take(1, TokenKind::Operator(BinaryOp::Lt)),
            '=' if next == Some('=') => self.take(2, TokenKind::Operator(BinaryOp::Eq)),
            '=' if next == Some('~') => self.take(2, TokenKind::MatchRegex),
            '=' => self.take(1, TokenKind::Assign),
            '!' if next == Some('=') => self.take(2, TokenKind::Operator(BinaryOp::Ne)),
            '!' => {
                let after = next.map_or(String::new(), |next| next.to_string());
                self.take(1, TokenKind::Error(format!("unexpected character after '!': {after:?}")))
            }
            _ => self.bracket(c),
        }
    }

    fn bracket(&mut self, c: char) -> TokenKind {
        match c {
            '(' => {
                self.paren_depth += 1;
                self.take(1, TokenKind::LeftParen)
            }
            ')' if self.paren_depth == 0 => self.unexpected("unexpected right parenthesis", c),
            ')' => {
                self.paren_depth -= 1;
                self.take(1, TokenKind::RightParen)
            }
            '{' => {
                self.in_braces = true;
                self.take(1, TokenKind::LeftBrace)
            }
            '}' => self.unexpected("unexpected right brace", c),
            '[' if self.in_brackets => self.unexpected("unexpected left bracket", c),
            '[' => {
                self.in_brackets = true;
                self.take(1, TokenKind::LeftBracket)
            }
            ']' if !self.in_brackets => self.unexpected("unexpected right bracket", c),
            ']' => {
                self.in_brackets = false;
                self.take(1, TokenKind::RightBracket)
            }
            _ => self.unexpected("unexpected character:", c),
        }
    }

    fn unexpected(&mut self, what: &str, c: char) -> TokenKind {
        self.take(c.len_utf8(), TokenKind::Error(format!("{what} {c:?}")))
    }

    /// Between `{` and `}`.
    fn in_braces(&mut self, c: char) -> TokenKind {
        match (c, self.second()) {
            (',', _) => self.take(1, TokenKind::Comma),
            ('}', _) => {
                self.in_braces = false;
                self.take(1, TokenKind::RightBrace)
            }
            ('{', _) => self.unexpected("unexpected left brace", c),
            ('=', Some('~')) => self.take(2, TokenKind::MatchRegex),
            ('=', _) => self.take(1, TokenKind::Assign),
            ('!', Some('=')) => self.take(2, TokenKind::Operator(BinaryOp::Ne)),
            ('!', Some('~')) => self.take(2, TokenKind::MatchNotRegex),
            ('!', next) => {
                let after = next.map_or(String::new(), |next| next.to_string());
                self.take(
                    1,
                    TokenKind::Error(format!("unexpected character after '!' inside braces: {after:?}")),
                )
            }
            _ => self.unexpected("unexpected character inside braces:", c),
        }
    }

    fn word(&mut self) -> TokenKind {
        // A colon is part of a metric's name, but within brackets it parts range and step.
        let colon = !self.in_braces && !self.in_brackets;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
        let length = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
        let word = &self.rest()[..length];
        self.at += length;
        if self.in_braces { TokenKind::Ident } else { TokenKind::of_word(word) }
    }

    fn number(&mut self) -> TokenKind {
        let length = number::length(self.rest());
        let written = &self.rest()[..length];
        self.at += length;
        number::parse(written)
            .unwrap_or_else(|| TokenKind::Error(format!("bad number or duration syntax: {written:?}")))
    }

    fn text(&mut self) -> TokenKind {
        match text::parse(self.rest()) {
            Ok((length, bytes)) => self.take(length, TokenKind::Text(bytes)),
            Err((length, message)) => self.take(length, TokenKind::Error(message)),
        }
    }
}
