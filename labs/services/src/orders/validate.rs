//! What makes a `POST /api/order` body an order: the one place that says no, and names the field.
//!
//! The body is read in layers. `serde_json` checks the syntax of the whole and hands out each field as a slice of the
//! text; the checks below read those slices. So a price is never a float, and every complaint knows its path. The first
//! complaint in the order of the body's documentation wins. Unknown fields are ignored, as clients may send more than
//! this version knows; `null` counts as absent.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::domain::{
    Customer, CustomerId, EMAIL_MAX_CHARS, ID_MAX, ITEMS_MAX, NAME_MAX_CHARS, NewItem, NewOrder, ProductId,
    QUANTITY_MAX, UNIT_PRICE_MAX,
};
use crate::common::money::Money;
use crate::common::reply::{Complaint, Refusal};

#[derive(Deserialize)]
struct RawOrder<'a> {
    #[serde(borrow)]
    customer_id: Option<&'a RawValue>,
    #[serde(borrow)]
    customer: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawCustomer<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    email: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawItem<'a> {
    #[serde(borrow)]
    product_id: Option<&'a RawValue>,
    #[serde(borrow)]
    quantity: Option<&'a RawValue>,
    #[serde(borrow)]
    unit_price: Option<&'a RawValue>,
}

/// Reads and checks the body of a new order.
pub(crate) fn new_order(body: &[u8]) -> Result<NewOrder, Refusal> {
    let whole: &RawValue = serde_json::from_slice(body).map_err(|error| {
        Refusal::Malformed(Complaint::new(format!("the body is not valid JSON: {error}")))
    })?;
    checked_order(whole).map_err(Refusal::Invalid)
}

fn checked_order(whole: &RawValue) -> Result<NewOrder, Complaint> {
    if !whole.get().starts_with('{') {
        return Err(Complaint::new(format!("the body must be an object, not {}", kind(whole))));
    }
    let raw: RawOrder<'_> =
        serde_json::from_str(whole.get()).map_err(|error| Complaint::new(error.to_string()))?;
    let customer_id = CustomerId(whole_number("customer_id", raw.customer_id, 1, ID_MAX)?);
    let items = items(raw.items)?;
    let customer = customer(raw.customer, customer_id)?;
    let total = total(&items)?;
    Ok(NewOrder { customer_id, customer, items, total })
}

/// The order's total: exact, and within what its column holds.
fn total(items: &[NewItem]) -> Result<Money, Complaint> {
    let sum = items.iter().try_fold(Money::from_cents(0), |sum, item| {
        item.unit_price.times(item.quantity).and_then(|line| sum.plus(line))
    });
    match sum {
        Some(total) if total <= Money::DECIMAL_10_2_MAX => Ok(total),
        _ => Err(Complaint::of_field(
            "items",
            format!("come to more than {} in total", Money::DECIMAL_10_2_MAX),
        )),
    }
}

fn items(raw: Option<&RawValue>) -> Result<Vec<NewItem>, Complaint> {
    let raw = required("items", raw)?;
    if !raw.get().starts_with('[') {
        return Err(Complaint::of_field("items", format!("must be a list, not {}", kind(raw))));
    }
    let list: Vec<&RawValue> =
        serde_json::from_str(raw.get()).map_err(|error| Complaint::of_field("items", error))?;
    if list.is_empty() {
        return Err(Complaint::of_field("items", "must hold at least one item"));
    }
    if list.len() > ITEMS_MAX {
        let what = format!("must hold at most {ITEMS_MAX} items, not {}", list.len());
        return Err(Complaint::of_field("items", what));
    }
    list.into_iter().enumerate().map(|(place, raw)| item(&format!("items[{place}]"), raw)).collect()
}

fn item(path: &str, raw: &RawValue) -> Result<NewItem, Complaint> {
    let raw: RawItem<'_> = object(path, raw)?;
    Ok(NewItem {
        product_id: ProductId(whole_number(&format!("{path}.product_id"), raw.product_id, 1, ID_MAX)?),
        quantity: whole_number(&format!("{path}.quantity"), raw.quantity, 1, QUANTITY_MAX)?,
        unit_price: price(&format!("{path}.unit_price"), raw.unit_price)?,
    })
}

fn customer(raw: Option<&RawValue>, id: CustomerId) -> Result<Customer, Complaint> {
    let mut customer = Customer::generated(id);
    let Some(raw) = raw else {
        return Ok(customer);
    };
    let raw: RawCustomer<'_> = object("customer", raw)?;
    if let Some(name) = raw.name {
        customer.name = text("customer.name", name, NAME_MAX_CHARS)?;
    }
    if let Some(email) = raw.email {
        customer.email = text("customer.email", email, EMAIL_MAX_CHARS)?;
        if !looks_like_email(&customer.email) {
            return Err(Complaint::of_field("customer.email", "must be an e-mail address"));
        }
    }
    Ok(customer)
}

fn required<'a>(path: &str, raw: Option<&'a RawValue>) -> Result<&'a RawValue, Complaint> {
    raw.ok_or_else(|| Complaint::of_field(path, "is required"))
}

/// An object's fields. A list is refused: serde would take its elements for the fields in order.
fn object<'a, T: Deserialize<'a>>(path: &str, raw: &'a RawValue) -> Result<T, Complaint> {
    if !raw.get().starts_with('{') {
        return Err(Complaint::of_field(path, format!("must be an object, not {}", kind(raw))));
    }
    serde_json::from_str(raw.get()).map_err(|error| Complaint::of_field(path, format!("is wrong: {error}")))
}

fn whole_number(path: &str, raw: Option<&RawValue>, least: i64, most: i64) -> Result<i64, Complaint> {
    let raw = required(path, raw)?;
    if kind(raw) != "a number" {
        return Err(Complaint::of_field(path, format!("must be a whole number, not {}", kind(raw))));
    }
    let digits = raw.get().strip_prefix('-').unwrap_or(raw.get());
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Complaint::of_field(path, "must be a whole number, without a point or an exponent"));
    }
    // Digits that do not fit are out of any range.
    match raw.get().parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(Complaint::of_field(path, format!("must be between {least} and {most}"))),
    }
}

fn price(path: &str, raw: Option<&RawValue>) -> Result<Money, Complaint> {
    let raw = required(path, raw)?;
    if kind(raw) != "a number" {
        return Err(Complaint::of_field(path, format!("must be a number such as 19.99, not {}", kind(raw))));
    }
    let price = Money::from_json_number(raw.get()).map_err(|error| Complaint::of_field(path, error))?;
    if price < Money::from_cents(0) || price > UNIT_PRICE_MAX {
        return Err(Complaint::of_field(path, format!("must be between 0 and {UNIT_PRICE_MAX}")));
    }
    Ok(price)
}

fn text(path: &str, raw: &RawValue, chars_max: usize) -> Result<String, Complaint> {
    if kind(raw) != "a string" {
        return Err(Complaint::of_field(path, format!("must be a string, not {}", kind(raw))));
    }
    let text: String = serde_json::from_str(raw.get())
        .map_err(|error| Complaint::of_field(path, format!("is wrong: {error}")))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Complaint::of_field(path, "must not be empty"));
    }
    if text.chars().count() > chars_max {
        return Err(Complaint::of_field(path, format!("must have at most {chars_max} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(Complaint::of_field(path, "must not contain control characters"));
    }
    Ok(text.to_owned())
}

/// Only sending a mail proves an address; this keeps out what cannot be one.
fn looks_like_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.contains(char::is_whitespace)
}

/// What a JSON text is, for people.
fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') => "null",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests;
