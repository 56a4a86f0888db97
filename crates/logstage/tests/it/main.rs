//! Stages one after another on lines, and on lines that hurt.

mod pipeline;
mod properties;
