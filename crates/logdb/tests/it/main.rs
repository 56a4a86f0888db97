//! The store of logs through its ports, over disks that lose, cut and refuse.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside the test functions that clippy knows")]

mod crash;
mod damage;
mod erase;
mod fixture;
mod kill;
mod limits;
mod push;
mod restart;
mod select;
mod world;
