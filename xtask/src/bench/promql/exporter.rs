//! What all servers scrape: targets that show [`super::moving`] series over HTTP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::moving::Target;

/// A request's head is some hundred bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// A scraper that is silent for so long has gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Opens `count` targets on ports that the system chooses, and answers on them until this process ends.
pub(in crate::bench) fn start(count: usize) -> Result<Vec<u16>> {
    (0..count).map(open).collect()
}

fn open(number: usize) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let target = Arc::new(Mutex::new(Target::new(number as u64, now_second())));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let target = Arc::clone(&target);
            // A scraper that goes away in the middle is no concern of ours.
            std::thread::spawn(move || answer_all(stream, &target).ok());
        }
    });
    Ok(port)
}

/// Answers each request on a connection with the metrics, whatever its path.
fn answer_all(mut stream: TcpStream, target: &Mutex<Target>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    let mut head = Vec::new();
    let mut some = [0; 4096];
    loop {
        let count = stream.read(&mut some)?;
        head.extend_from_slice(&some[..count]);
        if count == 0 || head.len() > HEAD_BYTES_MAX {
            return Ok(());
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        head.clear();
        let body = {
            let mut target = target.lock().unwrap_or_else(PoisonError::into_inner);
            target.advance(now_second());
            target.body()
        };
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        let length = body.len();
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes())?;
    }
}

fn now_second() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
