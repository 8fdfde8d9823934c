use std::collections::HashMap;
use std::time::Duration;

use goosefs_sdk::client::{WorkerClient, WorkerManagerClient};
use goosefs_sdk::io::{GoosefsFileReader, GrpcBlockReader};
use goosefs_sdk::proto::grpc::block::WorkerInfo;

use crate::{assert_same, block_size, config, connect, Folder};

async fn workers() -> Vec<WorkerInfo> {
    let manager = WorkerManagerClient::connect(&config()).await.expect("the masters");
    manager.get_worker_info_list().await.expect("workers")
}

async fn client_of(worker: &WorkerInfo) -> WorkerClient {
    let address = worker.address.as_ref().expect("an address");
    let at = format!("{}:{}", address.host(), address.rpc_port());
    WorkerClient::connect(&at, &config()).await.expect(&at)
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_have_ids_and_places() {
    let (first, second) = (workers().await, workers().await);
    let ids = |list: &[WorkerInfo]| list.iter().map(|w| (w.id(), w.address.as_ref().map(|a| a.host().to_string()))).collect::<HashMap<_, _>>();
    assert!(!first.is_empty());
    assert_eq!(ids(&first), ids(&second));
    assert!(first.iter().all(|w| w.id() > 0 && w.virtual_node_num.unwrap_or(1) > 0), "{first:?}");
}

/// Each worker tells how much of each block it has: together, all of it.
#[tokio::test(flavor = "multi_thread")]
async fn check_blocks() {
    let (fs, folder) = (connect().await, Folder::new("check-blocks"));
    let (path, data) = folder.place("f", block_size() + 1000);
    let info = fs.acquire_master().get_status(&path).await.expect(&path);
    GoosefsFileReader::read_file_with_context(fs, &path).await.expect(&path);
    let mut cached = HashMap::new();
    for _ in 0..200 {
        cached.clear();
        for worker in workers().await {
            for (block, bytes) in client_of(&worker).await.check_blocks(&info.block_ids).await.expect("an answer") {
                *cached.entry(block).or_insert(0) += bytes;
            }
        }
        if cached.values().sum::<i64>() as usize >= data.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(cached, HashMap::from([(info.block_ids[0], block_size() as i64), (info.block_ids[1], 1000)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_by_itself() {
    let (fs, folder) = (connect().await, Folder::new("one-block"));
    let (path, data) = folder.place("f", 300_000);
    let info = fs.acquire_master().get_status(&path).await.expect(&path);
    for worker in workers().await {
        let client = client_of(&worker).await;
        let mut reader = GrpcBlockReader::open(&client, info.block_ids[0], 100, 200_000, 1 << 16, None).await.expect("a stream");
        let mut got = Vec::new();
        while let Some(part) = reader.read_chunk().await.expect("bytes") {
            got.extend_from_slice(&part);
        }
        assert_same(&got, &data[100..200_100], &path);
    }
}
