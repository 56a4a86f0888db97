//! The store through its ports, over disks that lose, cut and refuse.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside the test functions that clippy knows")]

mod append;
mod background;
mod blocks;
mod concurrent;
mod crash;
mod damage;
mod delete;
mod exemplars;
mod housekeeping;
mod kill;
mod late;
mod restart;
mod same;
mod select;
mod spill;
mod world;
mod written;
