//! Tables of bodies, good and bad.

use super::*;

const ITEM: &str = r#"{"product_id":101,"quantity":2,"unit_price":19.99}"#;

/// A body with these items' text.
fn with_items(items: &str) -> String {
    format!(r#"{{"customer_id":10,"items":{items}}}"#)
}

/// A body with one item whose `field` has the JSON text `value`.
fn with_item_field(field: &str, value: &str) -> String {
    let mut fields = vec![("product_id", "101"), ("quantity", "2"), ("unit_price", "19.99")];
    for known in &mut fields {
        if known.0 == field {
            known.1 = value;
        }
    }
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
    with_items(&format!("[{{{}}}]", fields.join(",")))
}

fn with_customer(customer: &str) -> String {
    format!(r#"{{"customer_id":10,"customer":{customer},"items":[{ITEM}]}}"#)
}

fn check_invalid(body: &str, field: Option<&str>, message: &str) {
    let expect = Complaint { message: message.to_owned(), field: field.map(str::to_owned) };
    assert_eq!(new_order(body.as_bytes()), Err(Refusal::Invalid(expect)), "{body}");
}

fn check_field(body: &str, field: &str, rest: &str) {
    check_invalid(body, Some(field), &format!("{field} {rest}"));
}

fn check_malformed(body: &[u8], message: &str) {
    let expect = Refusal::Malformed(Complaint::new(format!("the body is not valid JSON: {message}")));
    assert_eq!(new_order(body), Err(expect), "{}", String::from_utf8_lossy(body));
}

fn accepted(body: &str) -> NewOrder {
    new_order(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error:?}"))
}

#[test]
fn broken_json_has_a_line_and_a_column() {
    check_malformed(b"", "EOF while parsing a value at line 1 column 0");
    check_malformed(b"{\"customer_id\": 10,\n \"items\": [}", "expected value at line 2 column 12");
    check_malformed(b"{\"customer_id\": 10", "EOF while parsing an object at line 1 column 18");
    check_malformed(b"{} {}", "trailing characters at line 1 column 4");
    check_malformed(b"{\"customer_id\": 01}", "invalid number at line 1 column 18");
    check_malformed(b"{\"a\":\"\xff\"}", "invalid unicode code point at line 1 column 7");
}

#[test]
fn the_body_is_an_object() {
    check_invalid("[10, [1]]", None, "the body must be an object, not a list");
    check_invalid("17", None, "the body must be an object, not a number");
    check_invalid("null", None, "the body must be an object, not null");
    check_invalid(
        r#"{"customer_id":1,"customer_id":2}"#,
        None,
        "duplicate field `customer_id` at line 1 column 30",
    );
}

#[test]
fn customer_id_is_a_positive_whole_number() {
    let check = |value: &str, rest: &str| {
        check_field(&format!(r#"{{"customer_id":{value},"items":[{ITEM}]}}"#), "customer_id", rest);
    };
    check("null", "is required");
    check("\"10\"", "must be a whole number, not a string");
    check("true", "must be a whole number, not a truth value");
    check("1.5", "must be a whole number, without a point or an exponent");
    check("1e3", "must be a whole number, without a point or an exponent");
    check("0", "must be between 1 and 2147483647");
    check("-1", "must be between 1 and 2147483647");
    check("2147483648", "must be between 1 and 2147483647");
    check("99999999999999999999999", "must be between 1 and 2147483647");
    check_field(&format!(r#"{{"items":[{ITEM}]}}"#), "customer_id", "is required");
}

#[test]
fn items_are_a_list_with_something_in_it() {
    check_field(r#"{"customer_id":10}"#, "items", "is required");
    check_field(&with_items("[]"), "items", "must hold at least one item");
    check_field(&with_items("{}"), "items", "must be a list, not an object");
    check_field(&with_items("[7]"), "items[0]", "must be an object, not a number");
    check_field(&with_items(&format!("[{ITEM},[101,2,3]]")), "items[1]", "must be an object, not a list");
    check_field(&with_items(&format!("[{ITEM},{{}}]")), "items[1].product_id", "is required");
    let many = |count: usize| with_items(&format!("[{}]", vec![ITEM; count].join(",")));
    check_field(&many(ITEMS_MAX + 1), "items", "must hold at most 100 items, not 101");
    assert_eq!(accepted(&many(ITEMS_MAX)).items.len(), ITEMS_MAX);
}

#[test]
fn quantities_are_positive_and_not_absurd() {
    let check = |value: &str, rest: &str| {
        check_field(&with_item_field("quantity", value), "items[0].quantity", rest);
    };
    check("0", "must be between 1 and 10000");
    check("-2", "must be between 1 and 10000");
    check("10001", "must be between 1 and 10000");
    check("2.0", "must be a whole number, without a point or an exponent");
    check("\"2\"", "must be a whole number, not a string");
    check("null", "is required");
    assert_eq!(accepted(&with_item_field("quantity", "10000")).items[0].quantity, 10_000);
}

#[test]
fn prices_are_whole_cents_within_reason() {
    let check = |value: &str, rest: &str| {
        check_field(&with_item_field("unit_price", value), "items[0].unit_price", rest);
    };
    check("19.999", "must not have more than two decimals");
    check("-0.01", "must be between 0 and 1000000.00");
    check("1000000.01", "must be between 0 and 1000000.00");
    check("1e12", "must be between 0 and 1000000.00");
    check("1e300", "is too large for an amount of money");
    check("\"19.99\"", "must be a number such as 19.99, not a string");
    check("[]", "must be a number such as 19.99, not a list");
    check("null", "is required");
    let priced = |value: &str| accepted(&with_item_field("unit_price", value)).total.cents();
    assert_eq!(priced("19.99"), 3998);
    assert_eq!(priced("0"), 0);
    assert_eq!(priced("1000000"), 200_000_000);
}

#[test]
fn the_total_fits_its_column() {
    let dear = r#"{"product_id":1,"quantity":99,"unit_price":1000000}"#;
    let rest = r#"{"product_id":1,"quantity":1,"unit_price":999999.99}"#;
    let cent = r#"{"product_id":1,"quantity":1,"unit_price":0.01}"#;
    let most = accepted(&with_items(&format!("[{dear},{rest}]")));
    assert_eq!(most.total, Money::DECIMAL_10_2_MAX);
    let body = with_items(&format!("[{dear},{rest},{cent}]"));
    check_field(&body, "items", "come to more than 99999999.99 in total");
}

#[test]
fn tenths_add_up() {
    let order = accepted(&with_items(
        r#"[{"product_id":1,"quantity":1,"unit_price":0.1},{"product_id":2,"quantity":1,"unit_price":0.2},
            {"product_id":3,"quantity":3,"unit_price":19.99}]"#,
    ));
    assert_eq!(order.total.to_string(), "60.27");
}

#[test]
fn a_customer_is_optional_but_not_nonsense() {
    let check = |customer: &str, field: &str, rest: &str| check_field(&with_customer(customer), field, rest);
    check("7", "customer", "must be an object, not a number");
    check(r#"{"name":7}"#, "customer.name", "must be a string, not a number");
    check(r#"{"name":"  "}"#, "customer.name", "must not be empty");
    check(r#"{"name":"a\u0007b"}"#, "customer.name", "must not contain control characters");
    check(
        r#"{"name":"\ud800"}"#,
        "customer.name",
        "is wrong: unexpected end of hex escape at line 1 column 8",
    );
    check(
        &format!(r#"{{"name":"{}"}}"#, "ü".repeat(101)),
        "customer.name",
        "must have at most 100 characters",
    );
    check(r#"{"email":"jane"}"#, "customer.email", "must be an e-mail address");
    check(r#"{"email":"@example.com"}"#, "customer.email", "must be an e-mail address");
    check(r#"{"email":"a b@example.com"}"#, "customer.email", "must be an e-mail address");
    check(r#"{"email":"a@b@c"}"#, "customer.email", "must be an e-mail address");
    let long = format!(r#"{{"email":"{}@example.com"}}"#, "a".repeat(243));
    check(&long, "customer.email", "must have at most 254 characters");
}

#[test]
fn what_is_missing_of_a_customer_is_generated() {
    let check = |customer: &str, name: &str, email: &str| {
        let expect = Customer { name: name.to_owned(), email: email.to_owned() };
        assert_eq!(accepted(&with_customer(customer)).customer, expect, "{customer}");
    };
    check("null", "Customer 10", "customer10@example.com");
    check("{}", "Customer 10", "customer10@example.com");
    check(r#"{"name":" Jane Doe "}"#, "Jane Doe", "customer10@example.com");
    check(r#"{"name":"Jürgen \"Ø\"","email":"j@example.com"}"#, "Jürgen \"Ø\"", "j@example.com");
}

#[test]
fn fields_that_nobody_knows_are_ignored() {
    let body = format!(r#"{{"coupon":{{"deep":[1]}},"customer_id":10,"items":[{ITEM}]}}"#);
    assert_eq!(accepted(&body), accepted(&with_items(&format!("[{ITEM}]"))));
}
