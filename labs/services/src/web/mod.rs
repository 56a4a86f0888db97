//! The sample web service: a few pages to look at, one that always fails, and metrics under the names of the Flask
//! application that it stands in for, beside those that every service here has.

mod flask;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use crate::common::chance::{Dice, Latency};
use crate::common::frame::{Basics, Frame, HEALTH, Serving};
use crate::common::reply::{Complaint, Refusal, json as answer};
use crate::common::running::{Running, StartError};
use flask::FlaskMetrics;

const HOME: &str = "/";
const DATA: &str = "/api/data";
const RANDOM: &str = "/api/random";
const ERROR: &str = "/api/error";

/// How long a list is put together.
const DATA_LATENCY: Latency = Latency::ms(18, 120);
/// How long a number is thought of.
const RANDOM_LATENCY: Latency = Latency::ms(45, 400);
/// Rows in the list.
const DATA_ROWS: u64 = 10;
/// The largest random number.
const RANDOM_MAX: u64 = 100;

/// What the sample web service is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// As every service.
    pub basics: Basics,
    /// The log for people, taken from the log folder.
    pub application_log: std::path::PathBuf,
    /// Same seed, same chance.
    pub seed: u64,
}

#[derive(Debug)]
struct Shared {
    instance: String,
    dice: Dice,
}

/// Starts an instance; returns when it serves.
///
/// # Errors
/// When a port is taken or the logs cannot be opened.
pub async fn start(options: Options) -> Result<Running, StartError> {
    let mut frame = Frame::open(&options.basics, Some(options.application_log)).await?;
    let flask = FlaskMetrics::register(&mut frame.registry, &mut frame.literals, [HOME, DATA, RANDOM, ERROR]);
    frame.watchers.push(flask);
    let shared = Shared { instance: options.basics.instance, dice: Dice::with_seed(options.seed) };
    Ok(frame.serve(Serving {
        routes: routes(Arc::new(shared)),
        view_of: Arc::new(|method, endpoint| view_of(method, endpoint).into()),
        cleanups: vec![],
    }))
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(HOME, get(home))
        .route(HEALTH, get(health))
        .route(DATA, get(data))
        .route(RANDOM, get(random))
        .route(ERROR, get(error))
        .with_state(shared)
}

fn view_of(method: &Method, endpoint: &str) -> &'static str {
    match (method.as_str(), endpoint) {
        ("GET" | "HEAD", HOME) => "home",
        ("GET" | "HEAD", HEALTH) => "health",
        ("GET" | "HEAD", DATA) => "get_data",
        ("GET" | "HEAD", RANDOM) => "get_random",
        ("GET" | "HEAD", ERROR) => "error",
        (_, HOME | HEALTH | DATA | RANDOM | ERROR) => "method_not_allowed",
        _ => "unmatched",
    }
}

async fn home(State(shared): State<Arc<Shared>>) -> Response {
    let endpoints = [HOME, HEALTH, "/metrics", DATA, RANDOM, ERROR];
    answer(StatusCode::OK, &json!({ "service": shared.instance, "endpoints": endpoints }))
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok", "instance": shared.instance }))
}

async fn data(State(shared): State<Arc<Shared>>) -> Response {
    shared.dice.wait(DATA_LATENCY).await;
    let rows: Vec<_> = (1..=DATA_ROWS)
        .map(|id| json!({ "id": id, "name": format!("item {id}"), "value": shared.dice.below(RANDOM_MAX) }))
        .collect();
    answer(StatusCode::OK, &json!({ "items": rows }))
}

async fn random(State(shared): State<Arc<Shared>>) -> Response {
    shared.dice.wait(RANDOM_LATENCY).await;
    answer(StatusCode::OK, &json!({ "number": shared.dice.below(RANDOM_MAX) + 1 }))
}

/// Fails by design, so that error panels and error queries have something to show.
async fn error() -> Refusal {
    Refusal::Internal(Complaint::new("this page fails, as it is meant to"))
}
