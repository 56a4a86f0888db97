//! LogQL from outside: scripts, parser, hostile input.

mod parser;
mod properties;
mod scripts;
