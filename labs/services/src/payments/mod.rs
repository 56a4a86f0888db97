//! The payment processor: takes an amount for a merchant and says whether the bank agreed.
//!
//! The bank is simulated: it takes its time, declines a small share, and now and then does not answer at all. What a
//! payment ends with is its status, `success`, `failed` or `timeout`, and the HTTP status says the same: 200, 402, 504.

mod routes;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::common::chance::{Dice, Latency};
use crate::common::frame::{Basics, Frame, Serving};
use crate::common::literal::LiteralCounter;
use crate::common::merchants::MERCHANTS;
use crate::common::money::Money;
use crate::common::running::{Running, StartError};

/// What the payment processor is told at start.
#[derive(Debug, Clone)]
pub struct Options {
    /// As every service.
    pub basics: Basics,
    /// The bank.
    pub bank: Bank,
    /// Same seed, same chance.
    pub seed: u64,
}

/// How the simulated bank behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bank {
    /// How long it takes to agree or decline.
    pub latency: Latency,
    /// Share of payments that it declines, 0 to 1.
    pub failed_share: f64,
    /// Share of payments that it does not answer, 0 to 1.
    pub timeout_share: f64,
    /// How long it is waited for.
    pub timeout: Duration,
}

impl Bank {
    /// Half of the answers within 20 ms, 99 % within 180 ms; 0.04 % declined and 0.02 % without an answer in 2 s, which
    /// is inside of an objective of 99.9 % and still gives an example of each every few seconds at 200 a second.
    pub fn standard() -> Self {
        Self {
            latency: Latency::ms(20, 180),
            failed_share: 0.0004,
            timeout_share: 0.0002,
            timeout: Duration::from_secs(2),
        }
    }

    fn check(&self) -> Result<(), StartError> {
        let shares = [self.failed_share, self.timeout_share, self.failed_share + self.timeout_share];
        if shares.iter().all(|share| (0.0..=1.0).contains(share)) {
            return Ok(());
        }
        let [failed, timeout, _] = shares;
        Err(StartError::Setting(format!(
            "failed share {failed} and timeout share {timeout} must each, and together, be 0 to 1"
        )))
    }

    /// Waits for the bank's word.
    async fn ask(&self, dice: &Dice) -> Ended {
        let share = dice.share();
        if share < self.timeout_share {
            tokio::time::sleep(self.timeout).await;
            return Ended::Timeout;
        }
        dice.wait(self.latency).await;
        if share < self.timeout_share + self.failed_share { Ended::Failed } else { Ended::Success }
    }
}

/// What became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Success,
    Failed,
    Timeout,
}

impl Ended {
    const ALL: [Self; 3] = [Self::Success, Self::Failed, Self::Timeout];

    fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: &'static str,
}

#[derive(Debug)]
struct PaymentMetrics {
    transactions: Family<StatusLabels, Counter>,
    amount: Arc<LiteralCounter>,
}

impl PaymentMetrics {
    fn register(registry: &mut Registry, literals: &mut Vec<Arc<LiteralCounter>>) -> Self {
        let transactions: Family<StatusLabels, Counter> = Family::default();
        for ended in Ended::ALL {
            drop(transactions.get_or_create(&StatusLabels { status: ended.name() }));
        }
        registry.register("payment_transactions", "Payments by what became of them", transactions.clone());
        let help = "Money of successful payments, by merchant";
        let amount = LiteralCounter::of_cents("payment_amount_sum", help, &["merchant"]);
        MERCHANTS.iter().for_each(|merchant| amount.inc_by(&[merchant], 0));
        literals.push(amount.clone());
        Self { transactions, amount }
    }

    fn ended(&self, ended: Ended, merchant: &'static str, amount: Money) {
        self.transactions.get_or_create(&StatusLabels { status: ended.name() }).inc();
        if ended == Ended::Success {
            self.amount.inc_by(&[merchant], u64::try_from(amount.cents()).unwrap_or(0));
        }
    }
}

/// Starts an instance; returns when it serves.
///
/// # Errors
/// When a port is taken, the logs cannot be opened, or a share makes no sense.
pub async fn start(options: Options) -> Result<Running, StartError> {
    options.bank.check()?;
    let mut frame = Frame::open(&options.basics, None).await?;
    let metrics = PaymentMetrics::register(&mut frame.registry, &mut frame.literals);
    let dice = Dice::with_seed(options.seed);
    let shared = routes::Shared { instance: options.basics.instance, bank: options.bank, dice, metrics };
    Ok(frame.serve(Serving {
        routes: routes::router(Arc::new(shared)),
        view_of: Arc::new(|method, endpoint| routes::view_of(method, endpoint).into()),
        cleanups: vec![],
    }))
}
