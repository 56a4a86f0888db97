//! The call to the payment processor: who is asked, how long is waited, what an answer means for the order.

use std::time::Duration;

use net::{Client, ClientError, ClientOptions, Fetched};
use serde_json::json;

use super::domain::{OrderId, OrderStatus};
use crate::common::account::external;
use crate::common::merchants::MERCHANTS;
use crate::common::money::Money;
use crate::common::running::StartError;

/// Connections kept to the processor: as many orders as are paid at once without connecting anew.
const IDLE_MAX: usize = 16;
/// The label of the calls.
const SERVICE: &str = "payments";

/// Who takes the money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentOptions {
    /// Base URL of the payment processor, like `http://127.0.0.1:5004`.
    pub url: String,
    /// How long its answer is waited for; the order's caller waits as long.
    pub timeout: Duration,
}

impl PaymentOptions {
    /// A second: most answers take a fiftieth of it, and a person waits for the order meanwhile.
    pub const TIMEOUT: Duration = Duration::from_secs(1);
}

/// The processor, ready to be asked.
#[derive(Debug)]
pub(crate) struct Payments {
    client: Client,
    url: String,
    timeout: Duration,
}

impl Payments {
    pub(crate) fn new(options: PaymentOptions) -> Result<Self, StartError> {
        let base = options.url.trim_end_matches('/');
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(StartError::Setting(format!("payments URL `{base}` must begin with http://")));
        }
        let client_options = ClientOptions {
            connect_timeout: options.timeout,
            idle_per_host_max: IDLE_MAX,
            ..ClientOptions::named("watchfire-orders")
        };
        let client = Client::new(client_options).map_err(|error| StartError::Setting(error.to_string()))?;
        Ok(Self { client, url: format!("{base}/api/payments"), timeout: options.timeout })
    }

    /// Asks once for the money of an order. Never twice: a payment that was cut off may have happened.
    pub(crate) async fn pay(&self, id: OrderId, amount: Money) -> OrderStatus {
        let body = json!({ "merchant": MERCHANTS[0], "order_id": id.0, "amount": amount });
        let asked = self.client.post_json(&self.url, &body, &[], self.timeout);
        let answer = external(SERVICE, asked, outcome).await;
        match outcome(&answer) {
            "success" => OrderStatus::Paid,
            "declined" => OrderStatus::Cancelled,
            outcome => {
                tracing::warn!(order = id.0, outcome, "an order stays pending, its payment is not known");
                OrderStatus::Pending
            }
        }
    }
}

/// What came of a call, as a label.
fn outcome(answer: &Result<Fetched, ClientError>) -> &'static str {
    match answer {
        Ok(answer) => match answer.status {
            200..=299 => "success",
            402 => "declined",
            504 => "timeout",
            _ => "error",
        },
        Err(ClientError::Timeout(_)) => "timeout",
        Err(ClientError::Connect(_)) => "unreachable",
        Err(_) => "error",
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use net::{Server, ServerLimits};

    use super::*;

    /// Waits long for an answer that comes, however busy the machine is, and not for one that does not.
    fn payments(url: &str, is_answered: bool) -> Payments {
        let timeout = if is_answered { Duration::from_secs(60) } else { Duration::from_millis(300) };
        Payments::new(PaymentOptions { url: url.to_owned(), timeout }).expect("a good URL")
    }

    /// A processor that answers with `status`, or never.
    async fn processor(status: Option<u16>) -> Server {
        let answer = async move || match status {
            Some(status) => StatusCode::from_u16(status).expect("a status"),
            None => std::future::pending().await,
        };
        let listener = net::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
        Server::start(listener, Router::new().route("/api/payments", post(answer)), ServerLimits::standard())
    }

    #[tokio::test]
    async fn an_answer_decides_the_order_and_silence_leaves_it_open() {
        for (status, expected) in [
            (Some(200), OrderStatus::Paid),
            (Some(402), OrderStatus::Cancelled),
            (Some(504), OrderStatus::Pending),
            (Some(500), OrderStatus::Pending),
            (None, OrderStatus::Pending),
        ] {
            let server = processor(status).await;
            let paid =
                payments(&server.url(), status.is_some()).pay(OrderId(7), Money::from_cents(1999)).await;
            assert_eq!(paid, expected, "{status:?}");
            drop(server);
        }
        let nobody = payments("http://127.0.0.1:1", false).pay(OrderId(7), Money::from_cents(1)).await;
        assert_eq!(nobody, OrderStatus::Pending);
    }

    #[test]
    fn what_is_no_url_is_refused() {
        let options = PaymentOptions { url: "payments:5004".to_owned(), timeout: PaymentOptions::TIMEOUT };
        assert!(matches!(Payments::new(options), Err(StartError::Setting(_))));
    }
}
