//! Certificates of private authorities, and machines that know no authority at all.
//!
//! What the environment changes is tried in a child: this same test program, told by an argument to
//! run one test against a forge that its parent holds up.

use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::gate::ids::IssueNumber;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{\"version\":\"15.0.3\"}";

/// A forge behind TLS and the authority that signed its certificate.
struct TlsForge {
    url: String,
    authority: CertificateDer<'static>,
    authority_pem: String,
}

async fn tls_forge() -> TlsForge {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust the certificate leaves here.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    request(&mut stream).await;
                    let _ = stream.write_all(ANSWER).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    TlsForge {
        url: format!("https://{address}"),
        authority: authority_certificate.der().clone(),
        authority_pem: authority_certificate.pem(),
    }
}

/// Trusts exactly this authority.
fn only(authority: CertificateDer<'static>) -> Roots {
    let mut roots = Roots::none();
    roots.store.add(authority).unwrap();
    roots
}

fn with_roots(base: &str, roots: Roots) -> Client {
    let options = options(base);
    let url = super::super::base(&options).unwrap();
    Client::with_roots(options, url, roots, CALL).unwrap()
}

#[tokio::test]
async fn a_private_authority_that_is_known_is_enough() {
    let forge = tls_forge().await;
    let client = with_roots(&forge.url, only(forge.authority));
    assert_eq!(client.version().await.unwrap().value.version, "15.0.3");
}

#[tokio::test]
async fn an_unknown_authority_is_named_together_with_the_mend() {
    let forge = tls_forge().await;
    let stranger = tls_forge().await.authority;
    for (roots, words) in [
        (only(stranger), "not among the authorities"),
        (Roots::none(), "no certificate authority was found"),
    ] {
        let client = with_roots(&forge.url, roots);
        let posted = client.post_comment(&board(), IssueNumber(1), "x").await;
        let error = posted.unwrap_err();
        assert!(error.is_transient() && !error.may_have_acted(), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(words), "{text}");
        for part in [
            "certificate is not trusted",
            "unknown issuer",
            "SSL_CERT_FILE",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let mend = crate::doctor::mend(&error);
        assert!(mend.contains("update-ca-certificates"), "{mend}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let forge = tls_forge().await;
    let elsewhere = forge.url.replace("127.0.0.1", "localhost");
    let error = with_roots(&elsewhere, only(forge.authority))
        .version()
        .await;
    let text = error.unwrap_err().to_string();
    assert!(
        text.starts_with("the forge cannot be reached by TLS"),
        "{text}"
    );
}

/// The child's half of the tests below; without their argument it has nothing to do.
#[tokio::test]
async fn child_asks_for_the_version() {
    let argument =
        |name: &str| std::env::args().find_map(|it| Some(it.strip_prefix(name)?.to_owned()));
    let (Some(url), Some(expected)) = (argument("forge="), argument("expected=")) else {
        return;
    };
    let outcome = match client(&url).version().await {
        Ok(answer) => answer.value.version,
        Err(error) => error.to_string(),
    };
    assert!(outcome.contains(&expected), "{outcome}");
}

/// Runs the child with this environment, and says whether it saw what was expected.
async fn child_sees(url: &str, expected: &str, environment: &[(&str, &str)]) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "child_asks_for_the_version",
        &format!("forge={url}"),
        &format!("expected={expected}"),
    ]);
    child.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    child.envs(environment.iter().copied());
    let output = tokio::task::spawn_blocking(move || child.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("running 1 test\n"), "{text}");
    output.status.success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ssl_cert_file_brings_in_a_private_authority() {
    let forge = tls_forge().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &forge.authority_pem).unwrap();
    let file = file.to_str().unwrap();
    assert!(child_sees(&forge.url, "15.0.3", &[("SSL_CERT_FILE", file)]).await);
    assert!(!child_sees(&forge.url, "15.0.3", &[]).await);
    assert!(child_sees(&forge.url, "unknown issuer", &[]).await);
    let nothing = [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ];
    assert!(child_sees(&forge.url, "no certificate authority was found", &nothing).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_forge_works_where_no_authority_is_found_and_past_any_proxy() {
    let address = raw_forge(ANSWER.to_vec()).await;
    let environment = [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
        ("http_proxy", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ];
    let url = format!("http://{address}");
    assert!(child_sees(&url, "15.0.3", &environment).await);
    assert!(!child_sees(&url, "16", &environment).await);
}
