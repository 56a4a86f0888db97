//! Where a redirection leads, and what goes along.

use super::*;

/// `/STATUS/PATH` redirects to `/PATH`, anything else is answered.
fn redirecting(seen: &Seen) -> Response {
    let redirection = seen.uri.trim_start_matches('/').split_once('/');
    let Some((Ok(status), rest)) = redirection.map(|(status, rest)| (status.parse(), rest)) else {
        return "here".into_response();
    };
    to(StatusCode::from_u16(status).expect("a status"), &format!("/{rest}"))
}

fn to(status: StatusCode, location: &str) -> Response {
    (status, [("location", location.to_owned())]).into_response()
}

#[tokio::test]
async fn a_post_becomes_a_get_or_stays_what_it_is() {
    let (server, log) = watched(redirecting).await;
    for (status, expected) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let headers = [("Content-Type", "text/plain"), ("X-Own", "kept")];
        let url = format!("{}/{status}/there", server.url());
        let answer = client().post_bytes(&url, "body".into(), &headers, PATIENCE, 100).await;
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, &answer.body[..]), (200, &b"here"[..]), "{status}");
        let last = log.take().pop().expect("it was asked");
        let is_kept = expected == "POST";
        assert_eq!((last.method.as_str(), last.uri.as_str()), (expected, "/there"), "{status}");
        assert_eq!(last.body, if is_kept { "body" } else { "" }, "{status}");
        assert_eq!(last.headers.contains_key("content-type"), is_kept, "{status}");
        assert_eq!(last.headers["x-own"], "kept", "{status}");
        assert_eq!(last.headers["referer"], url, "{status}");
    }
    server.stop().await;
}

#[tokio::test]
async fn ten_redirections_are_followed_and_no_more() {
    let (server, log) = watched(redirecting).await;
    let fetch = async |times: usize| {
        let url = format!("{}{}/end", server.url(), "/302".repeat(times));
        client().get(&url, &[], PATIENCE, 100).await
    };
    assert_eq!(fetch(10).await.expect("an answer").body, "here");
    assert_eq!(log.take().len(), 11);
    assert_eq!(fetch(11).await.expect_err("too many"), ClientError::Broken("too many redirects".to_owned()));
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_follow_gets_the_redirection() {
    let (server, log) = watched(redirecting).await;
    let options = ClientOptions { follow_redirects: false, ..ClientOptions::named("test") };
    let client = Client::new(options).expect("a client");
    let answer = client.get(&format!("{}/302/there", server.url()), &[], PATIENCE, 100).await;
    assert_eq!(answer.expect("an answer").status, 302);
    assert_eq!(log.take().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn credentials_stay_with_the_host_they_are_for() {
    let (other, there) = watched(redirecting).await;
    let elsewhere = format!("{}/302/end", other.url());
    let (server, here) = watched(move |seen| match seen.uri.as_str() {
        "/away" => to(StatusCode::FOUND, &elsewhere),
        _ => redirecting(seen),
    })
    .await;
    let headers = [("Authorization", "Bearer x"), ("Cookie", "a=b"), ("X-Own", "kept")];
    let url = format!("{}/302/away", server.url());
    client().get(&url, &headers, PATIENCE, 100).await.expect("an answer");
    for seen in here.take() {
        assert_eq!(seen.headers["authorization"], "Bearer x");
        assert_eq!(seen.headers["cookie"], "a=b");
    }
    let there = there.take();
    assert_eq!(there.len(), 2);
    for seen in there {
        // Nor are they back when the stranger redirects within his own house.
        assert_eq!(seen.headers.get("authorization"), None, "{}", seen.uri);
        assert_eq!(seen.headers.get("cookie"), None, "{}", seen.uri);
        assert_eq!(seen.headers["x-own"], "kept");
    }
    server.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_redirection_to_what_is_not_http_is_an_error_and_one_to_nowhere_an_answer() {
    let (server, _) =
        watched(|seen| to(StatusCode::FOUND, if seen.uri == "/" { "ftp://h/" } else { "http://[" })).await;
    let error = client().get(&server.url(), &[], PATIENCE, 100).await.expect_err("no HTTP");
    assert_eq!(error, ClientError::Url("ftp://h/".to_owned()));
    let answer = client().get(&format!("{}/nowhere", server.url()), &[], PATIENCE, 100).await;
    assert_eq!(answer.expect("an answer").status, 302);
    server.stop().await;
}

#[tokio::test]
async fn what_the_url_says_of_a_user_is_not_told_to_the_next() {
    let (server, log) = watched(redirecting).await;
    let url = server.url().replace("//", "//user:secret@") + "/302/there#part";
    client().get(&url, &[], PATIENCE, 100).await.expect("an answer");
    let last = log.take().pop().expect("it was asked");
    assert_eq!(last.headers["referer"], format!("{}/302/there", server.url()));
    server.stop().await;
}
