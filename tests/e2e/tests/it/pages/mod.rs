//! Every page in a real browser: what is drawn, not only that it loads.

mod edit;
mod explore;
mod following;
mod frame;
mod live;
mod logs;
mod overview;
mod speed;
