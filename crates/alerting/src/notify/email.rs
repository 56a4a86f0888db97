//! Mail: one message with a plain and an HTML part, handed to a smarthost.

use std::sync::Arc;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailboxes, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use model::TimestampMs;
use stdx::Clock;

use super::http::{failed, read};
use super::{Answer, Attempt, Failure, Notification, Notify};
use crate::config::Email;
use crate::template::{Library, Renderer, Text};

/// The port on which TLS begins at once.
const IMPLICIT_TLS_PORT: u16 = 465;

pub(crate) struct EmailNotifier {
    pub(crate) settings: Email,
    pub(crate) library: Library,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Notify for EmailNotifier {
    fn attempt<'a>(&'a self, notification: &'a Notification, timeout: Duration) -> Attempt<'a> {
        Box::pin(async move {
            let texts = self.library.renderer(notification, TimestampMs(self.clock.now_ms()));
            let message = self.message(&texts).map_err(failed)?;
            let transport = self.transport(timeout).map_err(failed)?;
            let sent = transport.send(message).await;
            let taken = |said: lettre::transport::smtp::response::Response| {
                let text = said.message().collect::<Vec<_>>().join(" ");
                Answer { status: u16::from(said.code()), text }
            };
            sent.map(taken).map_err(|error| {
                let status = error.status().map(u16::from);
                let reason = if error.is_timeout() { "contextDeadlineExceeded" } else { "other" };
                Failure { again: !error.is_permanent(), after: None, reason, status, message: chain(&error) }
            })
        })
    }
}

impl EmailNotifier {
    fn message(&self, texts: &Renderer<'_>) -> Result<Message, String> {
        let settings = &self.settings;
        let from = texts.text(settings.from.as_ref().unwrap_or(&Text::default()))?;
        let from: Mailboxes = from.parse().map_err(|e| format!("from {from:?} is no address: {e}"))?;
        let to = texts.text(&settings.to)?;
        let to: Mailboxes = to.parse().map_err(|e| format!("to {to:?} is no address: {e}"))?;
        let mut builder = Message::builder();
        for mailbox in from {
            builder = builder.from(mailbox);
        }
        for mailbox in to {
            builder = builder.to(mailbox);
        }
        let own_subject = settings.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("subject"));
        let subject = match own_subject {
            Some((_, text)) => texts.text(text)?,
            None => texts.text(&Text::template("email.default.subject"))?,
        };
        builder = builder.subject(subject.replace(['\r', '\n'], " "));
        for (name, text) in &settings.headers {
            if ["subject", "to", "from"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
                continue;
            }
            let header =
                HeaderName::new_from_ascii(name.clone()).map_err(|_| format!("{name:?} is no header"))?;
            let value = texts.text(text)?.replace(['\r', '\n'], " ");
            builder = builder.raw_header(HeaderValue::new(header, value));
        }
        builder.multipart(self.parts(texts)?).map_err(|e| e.to_string())
    }

    fn parts(&self, texts: &Renderer<'_>) -> Result<MultiPart, String> {
        let part = |kind, text| SinglePart::builder().header(kind).body(text);
        let (plain, html) = (&self.settings.text, &self.settings.html);
        let mut parts = Vec::new();
        if !plain.is_empty() {
            parts.push(part(ContentType::TEXT_PLAIN, texts.text(plain)?));
        }
        if !html.is_empty() || parts.is_empty() {
            parts.push(part(ContentType::TEXT_HTML, texts.html(html)?));
        }
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or("nothing to say")?;
        Ok(parts.fold(MultiPart::alternative().singlepart(first), MultiPart::singlepart))
    }

    fn transport(&self, timeout: Duration) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let settings = &self.settings;
        let smarthost = settings.smarthost.as_ref().map_or("", |host| host.value.as_str());
        let (host, port) = smarthost.rsplit_once(':').ok_or("the smarthost is not HOST:PORT")?;
        let port: u16 = port.parse().map_err(|_| "the smarthost has no port")?;
        let tls = || TlsParameters::new(host.to_owned()).map_err(|e| e.to_string());
        let implicit = settings.force_implicit_tls.unwrap_or(port == IMPLICIT_TLS_PORT);
        let tls = match (implicit, settings.require_tls.unwrap_or(true)) {
            (true, _) => Tls::Wrapper(tls()?),
            (false, true) => Tls::Required(tls()?),
            (false, false) => Tls::Opportunistic(tls()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(timeout))
            .hello_name(ClientId::Domain(settings.hello.clone().unwrap_or_else(|| "localhost".to_owned())));
        if let Some(user) = &settings.auth_username {
            let password =
                settings.password.as_ref().ok_or("auth_username is given without auth_password")?;
            let password = read(password)?;
            builder = builder
                .credentials(Credentials::new(user.clone(), password.expose().to_owned()))
                .authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        Ok(builder.build())
    }
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        if !text.contains(&next.to_string()) {
            text = format!("{text}: {next}");
        }
        cause = next.source();
    }
    text
}
