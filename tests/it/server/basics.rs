//! What every served project does.

use serde_json::json;
use tests::served::{self, Served};

const HELLO: &str = "\
name: hello
inputs:
  name: {type: string, default: world}
blocks:
  greet: {type: return_value, value: 'Hello, @{inputs.name}!'}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_is_served_until_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    served::write(folder.path(), served::SETTINGS, &[("hello", HELLO)]);
    let served = Served::start(folder.path()).await;
    let path = "/api/v1/blueprints/hello/runs?wait=30s";
    let answer = served.post(path, &json!({"name": "Ann"})).await;
    assert_eq!((answer.status, &answer.json()["value"]), (200, &json!("Hello, Ann!")));
    let address = served.address;
    served.stop().await;
    assert!(served::Client::connect(address).await.is_err());
}
