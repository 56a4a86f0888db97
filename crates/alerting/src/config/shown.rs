//! The configuration as it may be shown: all that was written, secrets as `<secret>`.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

/// What stands in place of a secret; amtool reads it back as one.
const HIDDEN: &str = "<secret>";

/// What stands in place of a webhook's URL: older amtools read it back as a URL and nothing else.
const HIDDEN_URL: &str = "http://hidden.invalid/<secret>";

/// Settings whose values are secrets, by the end of their names. Files that hold secrets are named, not shown, so their
/// names may be.
const SECRET_ENDS: [&str; 7] =
    ["_key", "token", "token_id", "password", "secret", "credentials", "webhook_url"];

/// URLs that hold tokens.
const SECRET_NAMES: [&str; 3] = ["url", "slack_api_url", "api_url"];

/// Lists of receivers; `url` and `api_url` are secrets only in some.
const SECRET_URL_IN: [(&str, &str); 3] =
    [("webhook_configs", "url"), ("incidentio_configs", "url"), ("slack_configs", "api_url")];

/// The text as YAML with secrets hidden; a comment when it cannot be read, which a checked text can.
pub(super) fn without_secrets(file: &Path, text: &str) -> String {
    let Ok(mut document) = config::from_str::<Value>(file, text) else {
        return "# the configuration cannot be shown\n".to_owned();
    };
    hide(&mut document, "");
    let mut out = String::with_capacity(text.len());
    write_value(&mut out, &document, 0);
    out
}

fn is_secret(name: &str, list: &str) -> bool {
    let by_name = SECRET_NAMES.contains(&name);
    (by_name && (name == "slack_api_url" || SECRET_URL_IN.contains(&(list, name))))
        || (!by_name && name != "routing_key" && SECRET_ENDS.iter().any(|end| name.ends_with(end)))
        || (name == "routing_key" && list == "pagerduty_configs")
}

/// Hides secrets below `value`; `list` is the name of the list of receivers that it stands in.
fn hide(value: &mut Value, list: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, list)),
        Value::Object(map) => {
            for (name, value) in map {
                let list = if name.ends_with("_configs") { name.as_str() } else { list };
                if is_secret(name, list) && !(value.is_object() || value.is_array() || value.is_null()) {
                    *value = if name == "url" { HIDDEN_URL } else { HIDDEN }.into();
                } else {
                    hide(value, list);
                }
            }
        }
        _ => {}
    }
}

/// Block style; texts in double quotes, which is JSON's way too.
fn write_value(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                let _ = write!(out, "{indent}{}:", key(name));
                write_below(out, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(out, "{indent}-");
                write_below(out, item, depth);
            }
        }
        other => {
            let _ = writeln!(out, "{indent}{other}");
        }
    }
}

fn write_below(out: &mut String, value: &Value, depth: usize) {
    let is_block = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        out.push('\n');
        write_value(out, value, depth + 1);
    } else {
        let _ = writeln!(out, " {value}");
    }
}

fn key(name: &str) -> String {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if plain { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_there() {
        let text = "global: {slack_api_url: 'http://t0ken', opsgenie_api_key: t0ken, opsgenie_api_url: 'http://o', smtp_auth_password: t0ken}\n\
                    route: {receiver: a, matchers: [], routes: [{matchers: ['a=\"b\"']}]}\n\
                    receivers:\n- name: a\n  webhook_configs: [{url: 'http://t0ken', http_config: {basic_auth: {username: u, password: t0ken}}}]\n\
                    \x20 pagerduty_configs: [{routing_key: t0ken, url: 'http://p', service_key_file: f}]\n\
                    \x20 victorops_configs: [{api_key: t0ken, routing_key: team}]\n\
                    \x20 msteams_configs: [{webhook_url: t0ken}]\n\
                    \x20 telegram_configs: [{bot_token: t0ken, chat_id: -5}]\n\
                    \x20 sns_configs: [{sigv4: {secret_key: t0ken}}]\n";
        let shown = without_secrets(Path::new("am.yml"), text);
        assert!(!shown.contains("t0ken"), "{shown}");
        assert_eq!(shown.matches(HIDDEN).count(), 10, "{shown}");
        for kept in
            ["opsgenie_api_url: \"http://o\"", "url: \"http://p\"", "routing_key: \"team\"", "chat_id: -5"]
        {
            assert!(shown.contains(kept), "{kept} in {shown}");
        }
        let again: Value = config::from_str(Path::new("x"), &shown).expect("it is YAML");
        assert_eq!(again["route"]["routes"][0]["matchers"][0], "a=\"b\"");
    }
}
