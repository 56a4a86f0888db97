//! Every page in a real browser: what is drawn, not only that it loads.

mod edit;
mod explore;
mod frame;
mod live;
mod overview;
mod speed;
