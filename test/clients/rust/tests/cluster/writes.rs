use goosefs_sdk::error::Error;
use goosefs_sdk::io::{GoosefsFileReader, GoosefsFileWriter};
use goosefs_sdk::proto::grpc::file::CreateFilePOptions;
use goosefs_sdk::WritePType;

use crate::{assert_same, block_size, connect, content, sizes, Folder};

const TYPES: [WritePType; 6] =
    [WritePType::MustCache, WritePType::TryCache, WritePType::CacheThrough, WritePType::Through, WritePType::AsyncThrough, WritePType::None];

fn options(kind: WritePType) -> Option<CreateFilePOptions> {
    Some(CreateFilePOptions { block_size_bytes: Some(block_size() as i64), write_type: Some(kind as i32), ..Default::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_in_every_size() {
    let (fs, folder) = (connect().await, Folder::new("writes"));
    for kind in TYPES {
        for size in sizes() {
            let name = format!("{kind:?}-{size}");
            let (path, data) = (folder.at(&name), content(&name, size));
            GoosefsFileWriter::write_file_with_context_and_options(fs.clone(), &path, &data, options(kind)).await.expect(&path);
            let got = GoosefsFileReader::read_file_with_context(fs.clone(), &path).await.expect(&path);
            assert_same(&got, &data, &path);
            if matches!(kind, WritePType::CacheThrough | WritePType::Through) {
                assert_same(&std::fs::read(folder.ufs.join(&name)).expect(&name), &data, &name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled() {
    let (fs, folder) = (connect().await, Folder::new("cancelled"));
    for kind in TYPES {
        let path = folder.at(&format!("{kind:?}"));
        let mut writer = GoosefsFileWriter::create_with_context(fs.clone(), &path, options(kind)).await.expect(&path);
        writer.write(&content("x", block_size() + 10)).await.expect(&path);
        writer.cancel().await.expect(&path);
        let read = GoosefsFileReader::read_file_with_context(fs.clone(), &path).await;
        assert!(read.as_ref().map_or(true, |bytes| bytes.is_empty()), "{path} can be read");
        match fs.acquire_master().delete(&path, false).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(e) => panic!("{path}: {e}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_blocks() {
    let (fs, folder) = (connect().await, Folder::new("no-blocks"));
    let (master, path) = (fs.acquire_master(), folder.at("f"));
    let only = CreateFilePOptions { block_size_bytes: Some(block_size() as i64), ..Default::default() };
    let created = master.create_file(&path, only).await.expect(&path);
    assert_eq!((created.completed, created.block_size_bytes), (Some(false), Some(block_size() as i64)));
    assert!(created.file_id.is_some_and(|id| id & 0xff_ffff == 0xff_ffff) && created.ufs_path.is_some() && created.mount_id.is_some());
    let block = created.file_id.unwrap() & !0xff_ffff;
    master.remove_blocks(vec![block]).await.expect("blocks that nobody has");
    master.complete_file(&path, Some(169), None).await.expect(&path);
    let info = master.get_status(&path).await.expect(&path);
    assert_eq!((info.completed, info.length, info.persisted), (Some(true), Some(169), Some(false)));
    let refused = master.remove_blocks(info.block_ids.clone()).await.expect_err("what is complete and nowhere else");
    assert!(refused.to_string().contains("complete and nowhere else"), "{refused}");
    master.delete(&path, false).await.expect("it goes");
}
