//! The document of the API, for programs and for people, as the running bot gives it.

use serde_json::Value;

use crate::harness::Story;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_and_people_find_the_document() {
    let story = Story::begin().await;
    let answer = story.request("GET", "/openapi.json").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["info"]["title"], "Ownergate");
    let answer = story.request("GET", "/docs").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    let page = answer.text().await.unwrap();
    assert!(page.contains("POST /v1/introspect") && page.ends_with("</html>\n"));
}
