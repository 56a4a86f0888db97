//! A mailbox: as much of SMTP as it takes to be handed a mail. Without TLS and passwords, for callers on this machine.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Inbox, mail};

/// The longest mail; a longer one is refused.
const MAIL_MAX_BYTES: usize = 2 << 20;

/// The longest line of a dialogue, by RFC 5321 twice over.
const LINE_MAX_BYTES: u64 = 4096;

/// Callers at once; others wait.
const CALLERS_MAX: usize = 16;

/// How long a caller may say nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// A mailbox at work; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Mailbox {
    /// Listens on a free port.
    pub(crate) async fn open(ip: IpAddr, inbox: Inbox) -> std::io::Result<Self> {
        let listener = TcpListener::bind((ip, 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { port, task: tokio::spawn(serve(listener, inbox)) })
    }
}

async fn serve(listener: TcpListener, inbox: Inbox) {
    let mut callers = JoinSet::new();
    loop {
        while callers.len() >= CALLERS_MAX {
            callers.join_next().await;
        }
        if let Ok((stream, _)) = listener.accept().await {
            let inbox = inbox.clone();
            // Whoever breaks off or says nothing loses his own mail only.
            callers.spawn(async move { drop(talk(stream, &inbox).await) });
        }
    }
}

async fn talk(stream: TcpStream, inbox: &Inbox) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    writer.write_all(b"220 inbox of the lab\r\n").await?;
    loop {
        let Some(line) = line(&mut reader).await? else { return Ok(()) };
        let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
        let answer = match verb.as_str() {
            "DATA" => {
                writer.write_all(b"354 go on, and end with a dot\r\n").await?;
                match data(&mut reader).await? {
                    Some(raw) => {
                        inbox.put("email", mail::read(&raw));
                        "250 taken"
                    }
                    None => "552 too long",
                }
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            "EHLO" | "HELO" | "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 fine",
            _ => "502 not here",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

/// `None` when the caller is gone.
async fn line(reader: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let mut limited = reader.take(LINE_MAX_BYTES);
    let read = tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut bytes)).await??;
    if read == 0 || !bytes.ends_with(b"\n") {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

/// A mail until the dot alone; `None` when it is too long.
async fn data(reader: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let (mut raw, mut is_too_long) = (Vec::new(), false);
    while let Some(line) = line(reader).await? {
        if line == "." {
            return Ok((!is_too_long).then_some(raw));
        }
        is_too_long |= raw.len() + line.len() > MAIL_MAX_BYTES;
        if !is_too_long {
            // A dot at the beginning of a line was doubled on the way.
            raw.extend_from_slice(line.strip_prefix('.').unwrap_or(&line).as_bytes());
            raw.push(b'\n');
        }
    }
    Err(std::io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mail_is_taken() {
        let inbox = Inbox::default();
        let mailbox = Mailbox::open(IpAddr::from([127, 0, 0, 1]), inbox.clone()).await.expect("a port");
        let mut stream = TcpStream::connect(("127.0.0.1", mailbox.port)).await.expect("it listens");
        let said = "EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nVRFY x\r\nDATA\r\nSubject: hi\r\n\r\n..dotted\r\n.\r\nQUIT\r\n";
        stream.write_all(said.as_bytes()).await.expect("sent");
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.expect("answered");
        let codes: Vec<&str> = answers.lines().map(|line| &line[..3]).collect();
        assert_eq!(codes, ["220", "250", "250", "250", "502", "354", "250", "221"]);
        let message = inbox.list()["messages"][0].clone();
        assert_eq!(message["kind"], "email");
        assert_eq!(message["body"]["subject"], "hi");
        assert_eq!(message["body"]["text"], ".dotted\n");
    }
}
