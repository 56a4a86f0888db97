//! A small service by configuration: its endpoints, how long each takes, how often each fails. The rest of a fleet is
//! made of such.

mod config;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, get, on};
use serde_json::json;

pub use config::{EndpointConfig, GenericConfig, MethodName};

use crate::common::chance::{Dice, Latency};
use crate::common::frame::{Basics, Frame, HEALTH, Serving};
use crate::common::reply::{Complaint, Refusal, json as answer};
use crate::common::running::{Running, StartError};

/// What a generic service is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// As every service.
    pub basics: Basics,
    /// Its endpoints.
    pub config: GenericConfig,
    /// Same seed, same chance.
    pub seed: u64,
}

/// An endpoint as its handler needs it.
#[derive(Debug)]
struct Endpoint {
    latency: Latency,
    error_share: f64,
    /// A JSON document of the size that was asked for, made once.
    body: String,
    status: StatusCode,
}

/// Starts an instance; returns when it serves.
///
/// # Errors
/// When a port is taken, the logs cannot be opened, or the configuration makes no sense.
pub async fn start(options: Options) -> Result<Running, StartError> {
    options.config.check().map_err(StartError::Setting)?;
    let frame = Frame::open(&options.basics, None).await?;
    let dice = Arc::new(Dice::with_seed(options.seed));
    let mut views = BTreeMap::new();
    let instance = options.basics.instance;
    let health = json!({ "status": "ok", "instance": instance });
    let mut routes =
        Router::new().route(HEALTH, get(move || std::future::ready(answer(StatusCode::OK, &health))));
    for config in &options.config.endpoints {
        let endpoint = Arc::new(Endpoint::of(config));
        let dice = dice.clone();
        let handler = move || async move { handle(&endpoint, &dice).await };
        routes = routes.route(&config.path, on(filter(config.method), handler));
        views.insert((config.method.name().to_owned(), config.path.clone()), config.view());
    }
    Ok(frame.serve(Serving {
        routes,
        view_of: Arc::new(move |method, endpoint| view_of(&views, method, endpoint).into()),
        cleanups: vec![],
    }))
}

fn view_of(views: &BTreeMap<(String, String), String>, method: &Method, endpoint: &str) -> String {
    let view = views.get(&(method.as_str().to_owned(), endpoint.to_owned())).map(String::as_str);
    view.unwrap_or(if endpoint == HEALTH { "health" } else { "unmatched" }).to_owned()
}

fn filter(method: MethodName) -> MethodFilter {
    match method {
        MethodName::Get => MethodFilter::GET,
        MethodName::Post => MethodFilter::POST,
        MethodName::Put => MethodFilter::PUT,
        MethodName::Delete => MethodFilter::DELETE,
    }
}

impl Endpoint {
    fn of(config: &EndpointConfig) -> Self {
        let frame = r#"{"data":""}"#.len();
        let filling = "x".repeat((config.response_bytes as usize).saturating_sub(frame));
        Self {
            latency: config.latency(),
            error_share: config.errors,
            body: format!(r#"{{"data":"{filling}"}}"#),
            status: if config.method == MethodName::Post { StatusCode::CREATED } else { StatusCode::OK },
        }
    }
}

async fn handle(endpoint: &Endpoint, dice: &Dice) -> Response {
    dice.wait(endpoint.latency).await;
    if dice.happens(endpoint.error_share) {
        return Refusal::Internal(Complaint::new("the service failed to handle this request"))
            .into_response();
    }
    let kind = HeaderValue::from_static("application/json");
    (endpoint.status, [(header::CONTENT_TYPE, kind)], endpoint.body.clone()).into_response()
}
