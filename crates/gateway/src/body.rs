//! A backend's answer on its way to the client, piece by piece, holding the backend's lease until its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::balance::Lease;
use crate::metrics::Metrics;

/// A streamed answer. The backend counts as busy until it ends or the client leaves.
#[derive(Debug)]
pub(crate) struct StreamedBody {
    inner: Incoming,
    metrics: Metrics,
    _lease: Lease,
}

impl StreamedBody {
    pub(crate) fn new(inner: Incoming, lease: Lease, metrics: Metrics) -> Self {
        Self { inner, metrics, _lease: lease }
    }
}

impl Body for StreamedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        if matches!(frame, Poll::Ready(Some(Err(_)))) {
            self.metrics.stream_broke();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
