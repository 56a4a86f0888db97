//! LogQL from outside: scripts, parser, hostile input.

mod evaluation;
mod parser;
mod properties;
mod rounds;
mod scripts;
mod together;
