//! The client against forges of a few lines: one that answers by table and one that is written by
//! hand where the answer is not well-formed, endless or missing. All on loopback.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod calls;
mod faults;
mod size;
mod tls;

use std::net::SocketAddr;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// What the bot's token is in these tests; no error may show it.
const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";

fn options(base: &str) -> ClientOptions {
    ClientOptions {
        base: base.to_owned(),
        insecure_http: false,
        token: SecretString::from(TOKEN),
        user_agent: "ownergate/test".to_owned(),
    }
}

fn client(base: &str) -> Client {
    Client::new(options(base)).unwrap()
}

/// A client that gives up after a tenth of a second.
fn impatient(base: &str) -> Client {
    let options = options(base);
    let url = super::base(&options).unwrap();
    Client::with_roots(options, url, Roots::none(), Duration::from_millis(100)).unwrap()
}

fn board() -> RepositoryPath {
    RepositoryPath::parse("alice/board").unwrap()
}

/// Reads one request up to the end of its body, so that closing does not cut it off.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 4096];
        let count = stream.read(&mut more).await.unwrap_or(0);
        bytes.extend_from_slice(&more[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse::<usize>().unwrap())
            });
            body.len() >= length.unwrap_or(0)
        });
        if whole || count == 0 {
            return text.into_owned();
        }
    }
}

/// A forge that answers every request with these bytes and closes the connection.
async fn raw_forge(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                request(&mut stream).await;
                // The client may have left already: that is its right.
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    address
}

/// A forge that takes requests and never answers.
async fn silent_forge() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    address
}
