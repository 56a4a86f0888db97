//! The one place where a service's errors become HTTP answers: `{"error":{"message":…,"field":…}}`.
//!
//! The message is for the caller. What only the operator should read goes to the log where the error happened.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// After how many seconds a caller that met a service without its database may try again.
const RETRY_AFTER_S: &str = "1";

/// Why a request was not done, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 400: the request cannot be read at all.
    Malformed(Complaint),
    /// 404: there is no such thing, or no such path.
    NotFound(Complaint),
    /// 405: the path has other methods.
    Method(Complaint),
    /// 408: the body did not come in time.
    TooSlow(Complaint),
    /// 413: the body is larger than the service reads.
    TooLarge(Complaint),
    /// 415: the body is said to be something else than JSON.
    NotJson(Complaint),
    /// 422: the request can be read, but a field says something that cannot be.
    Invalid(Complaint),
    /// 500: a fault of the service.
    Internal(Complaint),
    /// 503: the service cannot do it now, later perhaps.
    Unavailable(Complaint),
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// A sentence for the caller.
    pub message: String,
    /// The field it is about, such as `items[0].quantity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Complaint {
    /// About the request as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), field: None }
    }

    /// About one field; `what` continues a sentence that begins with the field's name.
    pub fn of_field(field: impl Into<String>, what: impl std::fmt::Display) -> Self {
        let field = field.into();
        Self { message: format!("{field} {what}"), field: Some(field) }
    }
}

impl Refusal {
    fn parts(&self) -> (StatusCode, &Complaint) {
        match self {
            Self::Malformed(complaint) => (StatusCode::BAD_REQUEST, complaint),
            Self::NotFound(complaint) => (StatusCode::NOT_FOUND, complaint),
            Self::Method(complaint) => (StatusCode::METHOD_NOT_ALLOWED, complaint),
            Self::TooSlow(complaint) => (StatusCode::REQUEST_TIMEOUT, complaint),
            Self::TooLarge(complaint) => (StatusCode::PAYLOAD_TOO_LARGE, complaint),
            Self::NotJson(complaint) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, complaint),
            Self::Invalid(complaint) => (StatusCode::UNPROCESSABLE_ENTITY, complaint),
            Self::Internal(complaint) => (StatusCode::INTERNAL_SERVER_ERROR, complaint),
            Self::Unavailable(complaint) => (StatusCode::SERVICE_UNAVAILABLE, complaint),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a Complaint,
        }
        let (status, complaint) = self.parts();
        let mut response = json(status, &Body { error: complaint });
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}

/// `body` as JSON with `status`.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let text = serde_json::to_vec(body).expect("wire shapes hold only strings, numbers and lists of such");
    let kind = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}

/// The answer for paths that a service does not have.
pub async fn unknown_path(request: Request) -> Refusal {
    Refusal::NotFound(Complaint::new(format!("there is nothing at {}", request.uri().path())))
}

/// The answer for methods that a path does not have.
pub async fn unknown_method(request: Request) -> Refusal {
    Refusal::Method(Complaint::new(format!(
        "{} is not allowed at {}",
        request.method(),
        request.uri().path()
    )))
}
