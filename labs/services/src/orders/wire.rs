//! What an order looks like on the wire.

use serde::Serialize;

use super::domain::{Item, Order};
use crate::common::money::Money;

/// The body of an order, in `GET` and in the answer to `POST`.
#[derive(Serialize)]
pub(crate) struct OrderBody<'a> {
    order_id: i64,
    customer_id: i64,
    status: &'a str,
    total_amount: Money,
    created_at: String,
    items: Vec<ItemBody>,
}

#[derive(Serialize)]
struct ItemBody {
    item_id: i64,
    product_id: i64,
    quantity: i64,
    unit_price: Money,
}

impl<'a> From<&'a Order> for OrderBody<'a> {
    fn from(order: &'a Order) -> Self {
        let created_at =
            jiff::Timestamp::from_millisecond(order.created_at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Self {
            order_id: order.id.0,
            customer_id: order.customer_id.0,
            status: &order.status,
            total_amount: order.total,
            created_at: format!("{created_at:.3}"),
            items: order.items.iter().map(ItemBody::from).collect(),
        }
    }
}

impl From<&Item> for ItemBody {
    fn from(item: &Item) -> Self {
        Self {
            item_id: item.item_id,
            product_id: item.line.product_id.0,
            quantity: item.line.quantity,
            unit_price: item.line.unit_price,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::domain::{CustomerId, NewItem, OrderId, ProductId};

    #[test]
    fn an_order_has_decimal_numbers_and_a_date() {
        let line = NewItem { product_id: ProductId(101), quantity: 2, unit_price: Money::from_cents(1999) };
        let order = Order {
            id: OrderId(7),
            customer_id: CustomerId(10),
            status: "pending".to_owned(),
            total: Money::from_cents(3998),
            created_at_ms: 1_767_225_600_000,
            items: vec![Item { item_id: 3, line }],
        };
        let expect = "{\"order_id\":7,\"customer_id\":10,\"status\":\"pending\",\"total_amount\":39.98,\
            \"created_at\":\"2026-01-01T00:00:00.000Z\",\
            \"items\":[{\"item_id\":3,\"product_id\":101,\"quantity\":2,\"unit_price\":19.99}]}";
        assert_eq!(serde_json::to_string(&OrderBody::from(&order)).expect("serialises"), expect);
    }
}
