//! The merchant API: what a merchant's own programs ask all day: its account, its transactions, a payout.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use serde_json::{Value, json};

use crate::common::chance::{Dice, Latency};
use crate::common::frame::{Basics, Frame, HEALTH, Serving};
use crate::common::merchants::{self, MERCHANTS, OTHER};
use crate::common::reply::{Complaint, Refusal, json as answer};
use crate::common::running::{Running, StartError};

const ACCOUNT: &str = "/api/merchants/{id}";
const TRANSACTIONS: &str = "/api/merchants/{id}/transactions";
const PAYOUTS: &str = "/api/merchants/{id}/payouts";

/// An account is one look-up, a list a longer one, a payout asks a bank.
const ACCOUNT_LATENCY: Latency = Latency::ms(12, 90);
const TRANSACTIONS_LATENCY: Latency = Latency::ms(40, 350);
const PAYOUT_LATENCY: Latency = Latency::ms(90, 700);
/// Transactions in one list.
const TRANSACTIONS_LISTED: u64 = 20;

/// What the merchant API is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// As every service.
    pub basics: Basics,
    /// Share of calls that fail with 500, 0 to 1; 0.1 % is inside of an objective of 99.5 %.
    pub error_share: f64,
    /// Same seed, same chance.
    pub seed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    merchant: &'static str,
    operation: &'static str,
    status: &'static str,
}

#[derive(Debug)]
struct Shared {
    instance: String,
    dice: Dice,
    error_share: f64,
    calls: Family<CallLabels, Counter>,
}

/// Starts an instance; returns when it serves.
///
/// # Errors
/// When a port is taken, the logs cannot be opened, or the share makes no sense.
pub async fn start(options: Options) -> Result<Running, StartError> {
    if !(0.0..=1.0).contains(&options.error_share) {
        let text = format!("error share {} must be 0 to 1", options.error_share);
        return Err(StartError::Setting(text));
    }
    let mut frame = Frame::open(&options.basics, None).await?;
    let calls: Family<CallLabels, Counter> = Family::default();
    let help = "Calls of merchants' programs, by merchant, operation and how they ended";
    frame.registry.register("merchant_api_calls", help, calls.clone());
    let shared = Shared {
        instance: options.basics.instance,
        dice: Dice::with_seed(options.seed),
        error_share: options.error_share,
        calls,
    };
    Ok(frame.serve(Serving {
        routes: routes(Arc::new(shared)),
        view_of: Arc::new(|method, endpoint| view_of(method, endpoint).into()),
        cleanups: vec![],
    }))
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(ACCOUNT, get(account))
        .route(TRANSACTIONS, get(transactions))
        .route(PAYOUTS, post(payout))
        .route(HEALTH, get(health))
        .with_state(shared)
}

fn view_of(method: &Method, endpoint: &str) -> &'static str {
    match (method.as_str(), endpoint) {
        ("GET" | "HEAD", ACCOUNT) => "get_merchant",
        ("GET" | "HEAD", TRANSACTIONS) => "list_transactions",
        ("POST", PAYOUTS) => "create_payout",
        ("GET" | "HEAD", HEALTH) => "health",
        (_, ACCOUNT | TRANSACTIONS | PAYOUTS | HEALTH) => "method_not_allowed",
        _ => "unmatched",
    }
}

async fn account(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let merchant = shared.call(&id, "account", ACCOUNT_LATENCY).await?;
    let rank = MERCHANTS.iter().position(|known| *known == merchant).unwrap_or_default();
    Ok(answer(StatusCode::OK, &json!({ "merchant_id": merchant, "rank": rank + 1, "status": "active" })))
}

async fn transactions(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let merchant = shared.call(&id, "transactions", TRANSACTIONS_LATENCY).await?;
    let row = |_| json!({ "transaction_id": shared.dice.below(1 << 40), "status": "success" });
    let rows: Vec<Value> = (0..TRANSACTIONS_LISTED).map(row).collect();
    Ok(answer(StatusCode::OK, &json!({ "merchant_id": merchant, "transactions": rows })))
}

async fn payout(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let merchant = shared.call(&id, "payout", PAYOUT_LATENCY).await?;
    let text = json!({ "merchant_id": merchant, "payout_id": shared.dice.below(1 << 40) });
    Ok(answer(StatusCode::CREATED, &text))
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok", "instance": shared.instance }))
}

impl Shared {
    /// Waits as the operation takes, fails its share, and counts either way.
    async fn call(
        &self,
        id: &str,
        operation: &'static str,
        latency: Latency,
    ) -> Result<&'static str, Refusal> {
        let merchant = merchants::label(id);
        let ended = match merchant {
            OTHER => Err(Refusal::NotFound(Complaint::of_field("id", format!("{id} is unknown")))),
            merchant => {
                self.dice.wait(latency).await;
                match self.dice.happens(self.error_share) {
                    true => Err(Refusal::Internal(Complaint::new("the account could not be read"))),
                    false => Ok(merchant),
                }
            }
        };
        let status = match &ended {
            Ok(_) => "success",
            Err(Refusal::NotFound(_)) => "unknown",
            Err(_) => "failed",
        };
        self.calls.get_or_create(&CallLabels { merchant, operation, status }).inc();
        ended
    }
}
