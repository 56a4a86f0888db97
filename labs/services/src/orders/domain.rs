//! The words of the order service: orders, items, customers, and the limits of each.

use crate::common::money::Money;

/// Most items in one order. A basket above it is a mistake or an attack; it also bounds the write lock's time.
pub const ITEMS_MAX: usize = 100;
/// Most pieces of one product in an order.
pub const QUANTITY_MAX: i64 = 10_000;
/// The dearest product: a million. The total has a limit of its own, [`Money::DECIMAL_10_2_MAX`].
pub const UNIT_PRICE_MAX: Money = Money::from_cents(100_000_000);
/// Customer and product ids are `INT` columns in the databases that have such, so this is the largest.
pub const ID_MAX: i64 = i32::MAX as i64;
/// Characters in a customer's name, as in its `VARCHAR(100)`.
pub const NAME_MAX_CHARS: usize = 100;
/// Characters in an e-mail address: what a mail server accepts at most (RFC 5321: 256 with the angle brackets).
pub const EMAIL_MAX_CHARS: usize = 254;
/// Bytes of a request's body. A full order of [`ITEMS_MAX`] items takes about 8 KiB.
pub const BODY_MAX_BYTES: usize = 64 << 10;

const _: () = assert!(UNIT_PRICE_MAX.cents() <= Money::DECIMAL_10_2_MAX.cents());

/// An order's id, given by the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub i64);

/// A customer's id, given by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(pub i64);

/// A product's id. Products have no table of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId(pub i64);

/// An order that has been checked and waits to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Who orders.
    pub customer_id: CustomerId,
    /// What the customer's row becomes if there is none yet; an existing row is left alone.
    pub customer: Customer,
    /// At least one, at most [`ITEMS_MAX`].
    pub items: Vec<NewItem>,
    /// The sum over the items, at most [`Money::DECIMAL_10_2_MAX`].
    pub total: Money,
}

/// What is known of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Full name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

impl Customer {
    /// What stands in for a customer of whom only the id is known. The domain is reserved: no mail can reach anybody.
    pub fn generated(id: CustomerId) -> Self {
        Self { name: format!("Customer {}", id.0), email: format!("customer{}@example.com", id.0) }
    }
}

/// One line of an order that is not stored yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewItem {
    /// What is ordered.
    pub product_id: ProductId,
    /// How many, from 1 to [`QUANTITY_MAX`].
    pub quantity: i64,
    /// Price of one, from 0 to [`UNIT_PRICE_MAX`].
    pub unit_price: Money,
}

/// What this service makes of an order; others set the rest of the words that the column knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// Placed; nobody knows yet whether it is paid.
    Pending,
    /// The money is there.
    Paid,
    /// The money was refused.
    Cancelled,
}

impl OrderStatus {
    /// The word in the column and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A stored order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The order's id.
    pub id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// `pending`, `paid`, `shipped`, `delivered` or `cancelled`.
    pub status: String,
    /// The sum over the items.
    pub total: Money,
    /// When it was stored, in milliseconds since the epoch.
    pub created_at_ms: i64,
    /// Its lines, in the order in which they were sent.
    pub items: Vec<Item>,
}

/// One stored line of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// The line's id.
    pub item_id: i64,
    /// What was ordered.
    pub line: NewItem,
}
