//! Amazon SNS: the query API's `Publish`, signed by Signature Version 4.

use config::Secret;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Notification;
use super::http::{Body, Render, Request, hashed_key, truncated};
use crate::config::Sns;
use crate::template::Renderer;

/// The longest subject, and the longest messages of topics and of telephones.
const SUBJECT_CHARS_MAX: usize = 100;
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
const SMS_CHARS_MAX: usize = 1600;

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";

impl Render for Sns {
    fn request(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Request, String> {
        let fields = self.fields(told, texts)?;
        let region = self.region()?;
        let url = if self.api_url.is_empty() {
            format!("https://sns.{region}.amazonaws.com/")
        } else {
            self.api_url.clone()
        };
        let (host, path) = host_and_path(&url).ok_or("api_url is no URL")?;
        let key = Key { id: self.access_key()?, secret: self.secret_key()?, region: &region };
        let at = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let authorization = key.sign(host, path, &form(&fields), &at);
        let headers = vec![
            ("Content-Type", Secret::new(CONTENT_TYPE)),
            ("X-Amz-Date", Secret::new(at)),
            ("Authorization", Secret::new(authorization)),
        ];
        Ok(Request { url: Secret::new(url), headers, body: Body::Form(fields) })
    }
}

impl Sns {
    fn fields(&self, told: &Notification, texts: &Renderer<'_>) -> Result<Vec<(String, String)>, String> {
        let mut fields = vec![("Action".to_owned(), "Publish".to_owned())];
        let mut add = |name: &str, value: String| {
            if !value.is_empty() {
                fields.push((name.to_owned(), value));
            }
        };
        add("Version", "2010-03-31".to_owned());
        let (topic, phone) = (texts.text(&self.topic_arn)?, texts.text(&self.phone_number)?);
        let message = texts.text(&self.message)?;
        if phone.is_empty() {
            add("Message", cut_bytes(message, MESSAGE_BYTES_MAX));
        } else {
            add("Message", truncated(message, SMS_CHARS_MAX));
        }
        if topic.ends_with(".fifo") {
            add("MessageDeduplicationId", hashed_key(told));
            add("MessageGroupId", hashed_key(told));
        }
        add("TopicArn", topic);
        add("PhoneNumber", phone);
        add("TargetArn", texts.text(&self.target_arn)?);
        add("Subject", truncated(texts.text(&self.subject)?, SUBJECT_CHARS_MAX));
        for (i, (name, text)) in self.attributes.iter().enumerate() {
            let entry = format!("MessageAttributes.entry.{}", i + 1);
            add(&format!("{entry}.Name"), name.clone());
            add(&format!("{entry}.Value.DataType"), "String".to_owned());
            add(&format!("{entry}.Value.StringValue"), texts.text(text)?);
        }
        Ok(fields)
    }

    fn region(&self) -> Result<String, String> {
        if !self.sigv4.region.is_empty() {
            return Ok(self.sigv4.region.clone());
        }
        let named =
            ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| std::env::var(name).ok());
        named.ok_or_else(|| "no region: set sigv4.region or AWS_REGION".to_owned())
    }

    fn access_key(&self) -> Result<String, String> {
        if !self.sigv4.access_key.is_empty() {
            return Ok(self.sigv4.access_key.clone());
        }
        std::env::var("AWS_ACCESS_KEY_ID")
            .map_err(|_| "no credentials: set sigv4.access_key or AWS_ACCESS_KEY_ID".to_owned())
    }

    fn secret_key(&self) -> Result<Secret, String> {
        if let Some(secret) = &self.sigv4.secret_key {
            return Ok(secret.clone());
        }
        std::env::var("AWS_SECRET_ACCESS_KEY")
            .map(Secret::new)
            .map_err(|_| "no credentials: set sigv4.secret_key or AWS_SECRET_ACCESS_KEY".to_owned())
    }
}

fn cut_bytes(mut text: String, most: usize) -> String {
    while text.len() > most {
        text.pop();
    }
    text
}

/// `https://host/path` as its parts; the path of none is `/`.
fn host_and_path(url: &str) -> Option<(&str, &str)> {
    let (_, rest) = url.split_once("://")?;
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    Some((host, if path.is_empty() { "/" } else { path }))
}

/// The body as the client will send it.
fn form(fields: &[(String, String)]) -> String {
    let pairs = fields.iter().map(|(name, value)| {
        // The client writes a blank as `+` and leaves `*` alone, as forms are.
        let of = |text: &str| gotmpl::url_encode(text).replace("%2A", "*").replace('~', "%7E");
        format!("{}={}", of(name), of(value))
    });
    pairs.collect::<Vec<_>>().join("&")
}

struct Key<'a> {
    id: String,
    secret: Secret,
    region: &'a str,
}

impl Key<'_> {
    /// The `Authorization` header of a POST of `body` at `at`, such as 20260101T000000Z.
    fn sign(&self, host: &str, path: &str, body: &str, at: &str) -> String {
        let day = at.get(..8).unwrap_or(at);
        let signed = "content-type;host;x-amz-date";
        let headers = format!("content-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{at}\n");
        let request = format!("POST\n{path}\n\n{headers}\n{signed}\n{}", hex(&Sha256::digest(body)));
        let scope = format!("{day}/{}/sns/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex(&Sha256::digest(request)));
        let start = format!("AWS4{}", self.secret.expose()).into_bytes();
        let key =
            [day, self.region, "sns", "aws4_request"].into_iter().fold(start, |key, part| hmac(&key, part));
        let signature = hex(&hmac(&key, &text));
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}",
            self.id
        )
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
