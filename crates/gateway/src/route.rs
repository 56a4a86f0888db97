//! Which upstream a path belongs to: the longest prefix that ends at a segment's border.
//!
//! Paths are compared as they are sent, byte for byte: a gateway that decoded or resolved dots would see another path
//! than the backend does.

use std::sync::Arc;

use crate::balance::Upstream;

/// All routes; fixed after start.
#[derive(Debug)]
pub(crate) struct Routes(Vec<Route>);

#[derive(Debug)]
struct Route {
    /// Without a slash at its end; empty for the route of everything.
    prefix: String,
    upstream: Arc<Upstream>,
}

impl Routes {
    pub(crate) fn new(routes: impl IntoIterator<Item = (String, Arc<Upstream>)>) -> Self {
        let trim = |(prefix, upstream): (String, _)| Route {
            prefix: prefix.trim_end_matches('/').to_owned(),
            upstream,
        };
        let mut routes: Vec<Route> = routes.into_iter().map(trim).collect();
        routes.sort_by_key(|route| std::cmp::Reverse(route.prefix.len()));
        Self(routes)
    }

    /// The upstream for `path`, if any route takes it.
    pub(crate) fn find(&self, path: &str) -> Option<&Arc<Upstream>> {
        self.0.iter().find(|route| takes(&route.prefix, path)).map(|route| &route.upstream)
    }
}

fn takes(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.starts_with('/') || (rest.is_empty() && !prefix.is_empty()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn routes(prefixes: &[&str]) -> Routes {
        Routes::new(prefixes.iter().map(|prefix| ((*prefix).to_owned(), Arc::new(Upstream::named(prefix)))))
    }

    #[test]
    fn the_longest_prefix_on_a_border_wins() {
        let routes = routes(&["/", "/api", "/api/order", "/web/"]);
        for (path, expected) in [
            ("/api/order", "/api/order"),
            ("/api/order/", "/api/order"),
            ("/api/order/5", "/api/order"),
            ("/api/orders", "/api"),
            ("/api", "/api"),
            ("/apix", "/"),
            ("/", "/"),
            ("/web", "/web/"),
            ("/web/x", "/web/"),
            ("/webx", "/"),
            ("//api", "/"),
            ("/API", "/"),
        ] {
            assert_eq!(routes.find(path).map(|upstream| upstream.name.as_str()), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_no_route_takes_goes_nowhere() {
        let routes = routes(&["/api/order"]);
        for path in ["", "*", "/", "/api", "/api/orders", "/api/orde", "api/order"] {
            assert!(routes.find(path).is_none(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_route_takes_itself_and_all_below(prefix in "(/[a-z]{1,5}){1,4}", rest in "(/[a-z0-9]{0,5}){0,3}") {
            let routes = routes(&[&prefix]);
            let inside = format!("{prefix}{rest}");
            let beside = format!("{prefix}x{rest}");
            prop_assert!(routes.find(&inside).is_some());
            prop_assert!(routes.find(&beside).is_none());
        }
    }
}
