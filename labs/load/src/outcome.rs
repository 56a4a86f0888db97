//! How a request can end, told apart as a person who reads the report needs it.

/// What the request was for. The label `request` of every metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequestKind {
    /// `GET /api/order/{id}` of an order that exists.
    Read,
    /// `POST /api/order` of a new order.
    Write,
}

impl RequestKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Read, Self::Write];

    /// As metrics and reports name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// How one request ended. The label `outcome` of `load_requests_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// A 2xx answer, whole.
    Ok,
    /// A 4xx answer. Reads ask for orders that exist, so a 404 is a failure like any other.
    Http4xx,
    /// A 5xx answer.
    Http5xx,
    /// No whole answer within the request's time.
    Timeout,
    /// The connection was there and went away before the whole answer.
    Disconnect,
    /// No connection could be made.
    Connect,
    /// An answer that is not HTTP/1, is too large, has an unexpected status (1xx, 3xx), or acknowledges no order.
    BadResponse,
}

impl Outcome {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Http4xx,
        Self::Http5xx,
        Self::Timeout,
        Self::Disconnect,
        Self::Connect,
        Self::BadResponse,
    ];

    /// As metrics and reports name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Http4xx => "http_4xx",
            Self::Http5xx => "http_5xx",
            Self::Timeout => "timeout",
            Self::Disconnect => "disconnect",
            Self::Connect => "connect",
            Self::BadResponse => "bad_response",
        }
    }

    /// What a whole answer with `status` counts as.
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Ok,
            400..=499 => Self::Http4xx,
            500..=599 => Self::Http5xx,
            _ => Self::BadResponse,
        }
    }

    /// Whether the time it took says something about the server. A time-out does (leaving it out would hide the worst
    /// waits); a refused or cut connection ends early and would only make the picture look faster than it is.
    pub fn has_latency(self) -> bool {
        !matches!(self, Self::Disconnect | Self::Connect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_fall_into_their_class() {
        let cases = [
            (200, Outcome::Ok),
            (201, Outcome::Ok),
            (301, Outcome::BadResponse),
            (404, Outcome::Http4xx),
            (500, Outcome::Http5xx),
            (599, Outcome::Http5xx),
            (600, Outcome::BadResponse),
            (100, Outcome::BadResponse),
        ];
        for (status, expected) in cases {
            assert_eq!(Outcome::of_status(status), expected, "{status}");
        }
    }

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<_> = Outcome::ALL.iter().map(|outcome| outcome.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Outcome::ALL.len());
    }
}
