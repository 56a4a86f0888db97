//! The payment processor's routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Bank, Ended, PaymentMetrics};
use crate::common::body::json_bytes;
use crate::common::chance::Dice;
use crate::common::frame::HEALTH;
use crate::common::merchants;
use crate::common::money::Money;
use crate::common::reply::{Complaint, Refusal, json as answer};

const PAYMENTS: &str = "/api/payments";
/// Bytes of a payment; it has four short fields.
const BODY_MAX_BYTES: usize = 4096;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) instance: String,
    pub(super) bank: Bank,
    pub(super) dice: Dice,
    pub(super) metrics: PaymentMetrics,
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().route(PAYMENTS, post(pay)).route(HEALTH, get(health)).with_state(shared)
}

pub(super) fn view_of(method: &Method, endpoint: &str) -> &'static str {
    match (method.as_str(), endpoint) {
        ("POST", PAYMENTS) => "pay",
        ("GET" | "HEAD", HEALTH) => "health",
        (_, PAYMENTS | HEALTH) => "method_not_allowed",
        _ => "unmatched",
    }
}

/// Unknown fields are ignored: callers send what they like for their own books.
#[derive(Debug, Deserialize)]
struct Payment<'a> {
    merchant: String,
    /// Read as it stands, so that no float touches it.
    #[serde(borrow)]
    amount: &'a RawValue,
}

async fn pay(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Refusal> {
    let body = json_bytes(request, BODY_MAX_BYTES).await?;
    let invalid = |error: serde_json::Error| match error.is_data() {
        true => Refusal::Invalid(Complaint::new(error.to_string())),
        false => Refusal::Malformed(Complaint::new(format!("the body is not valid JSON: {error}"))),
    };
    let payment: Payment<'_> = serde_json::from_slice(&body).map_err(invalid)?;
    let amount = amount(payment.amount).map_err(Refusal::Invalid)?;
    let ended = shared.bank.ask(&shared.dice).await;
    shared.metrics.ended(ended, merchants::label(&payment.merchant), amount);
    let id = format!("{:016x}", shared.dice.below(u64::MAX));
    let text = json!({ "transaction_id": id, "status": ended.name(), "amount": amount });
    let status = match ended {
        Ended::Success => StatusCode::OK,
        Ended::Failed => StatusCode::PAYMENT_REQUIRED,
        Ended::Timeout => StatusCode::GATEWAY_TIMEOUT,
    };
    Ok(answer(status, &text))
}

fn amount(raw: &RawValue) -> Result<Money, Complaint> {
    let amount = Money::from_json_number(raw.get()).map_err(|error| Complaint::of_field("amount", error))?;
    if amount < Money::from_cents(0) || amount > Money::DECIMAL_10_2_MAX {
        let what = format!("must be between 0 and {}", Money::DECIMAL_10_2_MAX);
        return Err(Complaint::of_field("amount", what));
    }
    Ok(amount)
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok", "instance": shared.instance }))
}
