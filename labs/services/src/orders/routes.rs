//! The order service's routes and handlers. Thin: what is right is decided in `validate`, what is stored in `store`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;

use super::database::Database;
use super::domain::{BODY_MAX_BYTES, Order, OrderId, OrderStatus};
use super::payments::Payments;
use super::store::{OrderStore, StoreError};
use super::validate;
use super::wire::OrderBody;
use crate::common::body::json_bytes;
use crate::common::frame::HEALTH;
use crate::common::reply::{Complaint, Refusal, json};

const ORDER: &str = "/api/order/{id}";
const ORDERS: &str = "/api/order";

/// How long `/health` waits for the database. A balancer that asks every second wants to know within it.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The orders.
    pub(crate) database: Arc<Database>,
    /// This instance's name.
    pub(crate) instance: String,
    /// Who takes the money, if anybody.
    pub(crate) payments: Option<Payments>,
}

/// All routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(ORDER, get(get_order))
        .route(ORDERS, post(create_order))
        .route(HEALTH, get(health))
        .with_state(shared)
}

/// The handlers' names, for the logs.
pub(crate) fn view_of(method: &Method, endpoint: &str) -> &'static str {
    match (method.as_str(), endpoint) {
        ("GET" | "HEAD", ORDER) => "get_order",
        ("POST", ORDERS) => "create_order",
        ("GET" | "HEAD", HEALTH) => "health",
        (_, ORDER | ORDERS | HEALTH) => "method_not_allowed",
        _ => "unmatched",
    }
}

async fn get_order(
    State(shared): State<Arc<Shared>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let id = order_id(id.as_ref().map_or("", |path| path.as_str()))?;
    let found = shared.database.store().map_err(refusal)?.order(id).await.map_err(refusal)?;
    let order =
        found.ok_or_else(|| Refusal::NotFound(Complaint::of_field("id", format!("{} is unknown", id.0))))?;
    Ok(json(StatusCode::OK, &OrderBody::from(&order)))
}

async fn create_order(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refusal> {
    let body = json_bytes(request, BODY_MAX_BYTES).await?;
    let new = validate::new_order(&body)?;
    let store = shared.database.store().map_err(refusal)?;
    let mut order = store.create(new).await.map_err(refusal)?;
    if let Some(payments) = &shared.payments {
        pay(payments, store, &mut order).await;
    }
    let mut response = json(StatusCode::CREATED, &OrderBody::from(&order));
    if let Ok(location) = HeaderValue::try_from(format!("{ORDERS}/{}", order.id.0)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Asks for the money and writes down what came of it. The order is placed whatever happens here: without an answer it
/// stays pending, for somebody to settle later.
async fn pay(payments: &Payments, store: &dyn OrderStore, order: &mut Order) {
    let status = payments.pay(order.id, order.total).await;
    if status == OrderStatus::Pending {
        return;
    }
    match store.set_status(order.id, status).await {
        Ok(()) => order.status = status.name().to_owned(),
        Err(error) => {
            tracing::error!(%error, order = order.id.0, status = status.name(), "payment not noted")
        }
    }
}

/// 200 while the database answers, else 503 with the reason.
async fn health(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    #[derive(Serialize)]
    struct Health<'a> {
        status: &'static str,
        instance: &'a str,
        database: &'static str,
    }
    let not_ready = |error: StoreError| Refusal::Unavailable(Complaint::new(error.to_string()));
    let store = shared.database.store().map_err(not_ready)?;
    match tokio::time::timeout(PING_TIMEOUT, store.ping()).await {
        Ok(answer) => answer.map_err(not_ready)?,
        Err(_) => {
            let reason = format!("no answer within {} s", PING_TIMEOUT.as_secs());
            return Err(not_ready(StoreError::Unavailable(reason)));
        }
    }
    let health = Health { status: "ok", instance: &shared.instance, database: store.kind() };
    Ok(json(StatusCode::OK, &health))
}

/// A number that is too large for an id is simply unknown; anything else than a number is a mistake.
fn order_id(text: &str) -> Result<OrderId, Refusal> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::Malformed(Complaint::of_field("id", "must be a whole number")));
    }
    text.parse()
        .map(OrderId)
        .map_err(|_| Refusal::NotFound(Complaint::of_field("id", format!("{text} is unknown"))))
}

/// What the caller hears of a store's error; the rest is for the log.
fn refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::Unavailable(_) | StoreError::TimedOut(_) => {
            tracing::warn!(%error, "request refused");
            Refusal::Unavailable(Complaint::new("the order database does not answer, try again"))
        }
        StoreError::InDoubt(_) => {
            tracing::error!(%error, "request in doubt");
            let what = "the order database was lost at the last moment: look whether the order is there before sending it again";
            Refusal::Internal(Complaint::new(what))
        }
        StoreError::Failed(_) => {
            tracing::error!(%error, "request failed");
            Refusal::Internal(Complaint::new("the service failed to handle this request"))
        }
    }
}

#[cfg(test)]
mod tests;
