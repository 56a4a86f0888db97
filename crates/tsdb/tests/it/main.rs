//! The store through its ports, over disks that lose, cut and refuse.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside the test functions that clippy knows")]

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

mod append;
mod background;
mod blocks;
mod clock;
mod concurrent;
mod crash;
mod damage;
mod delete;
mod exemplars;
mod housekeeping;
mod kept;
mod kill;
mod late;
mod lives;
mod memory;
mod offline;
mod prometheus;
mod restart;
mod same;
mod select;
mod senseless;
mod snapshot;
mod spill;
mod world;
mod written;
