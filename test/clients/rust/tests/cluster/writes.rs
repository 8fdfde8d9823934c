use std::sync::Arc;
use std::time::Duration;

use goosefs_sdk::context::FileSystemContext;
use goosefs_sdk::error::Error;
use goosefs_sdk::io::{GoosefsFileInStream, GoosefsFileReader, GoosefsFileWriter};
use goosefs_sdk::proto::grpc::file::CreateFilePOptions;
use goosefs_sdk::WritePType;

use crate::{assert_same, block_size, connect, content, sizes, Folder};

pub const TYPES: [WritePType; 6] =
    [WritePType::MustCache, WritePType::TryCache, WritePType::CacheThrough, WritePType::Through, WritePType::AsyncThrough, WritePType::None];

pub fn options(kind: WritePType) -> Option<CreateFilePOptions> {
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
            let ufs = folder.ufs.join(&name);
            match kind {
                WritePType::CacheThrough | WritePType::Through => assert_same(&std::fs::read(ufs).expect(&name), &data, &name),
                WritePType::AsyncThrough => {
                    persisted(&fs, &path).await;
                    assert_same(&std::fs::read(ufs).expect(&name), &data, &name);
                }
                _ => assert!(!ufs.exists(), "{name} is in the under file system"),
            }
        }
    }
}

async fn persisted(fs: &Arc<FileSystemContext>, path: &str) {
    let master = fs.acquire_master();
    for _ in 0..600 {
        if master.get_status(path).await.expect(path).persisted() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} is not persisted");
}

/// What was written of a file that is given up, by a call or by letting go of the writer, is nowhere, and the name can be used again.
#[tokio::test(flavor = "multi_thread")]
async fn cancelled() {
    let (fs, folder) = (connect().await, Folder::new("cancelled"));
    for (kind, dropped) in TYPES.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let name = format!("{kind:?}-{dropped}");
        let path = folder.at(&name);
        let mut writer = GoosefsFileWriter::create_with_context(fs.clone(), &path, options(kind)).await.expect(&path);
        writer.write(&content("x", block_size() + 10)).await.expect(&path);
        if dropped {
            drop(writer);
        } else {
            writer.cancel().await.expect(&path);
            writer.cancel().await.expect("once more");
        }
        let read = GoosefsFileReader::read_file_with_context(fs.clone(), &path).await;
        assert!(read.as_ref().map_or(true, |bytes| bytes.is_empty()), "{path} can be read");
        match fs.acquire_master().delete(&path, false).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(e) => panic!("{path}: {e}"),
        }
        assert!(!folder.ufs.join(&name).exists(), "{path} is in the under file system");
        let data = content(&name, block_size() + 1);
        GoosefsFileWriter::write_file_with_context_and_options(fs.clone(), &path, &data, options(kind)).await.expect("the second try");
        assert_same(&GoosefsFileReader::read_file_with_context(fs.clone(), &path).await.expect(&path), &data, &path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_by_class() {
    let (fs, folder) = (connect().await, Folder::new("write-errors"));
    let create = |path: String, options| GoosefsFileWriter::create_with_context(fs.clone(), path.leak(), options);
    folder.place("f", 10);
    std::fs::create_dir(folder.ufs.join("d")).expect("a folder");
    let alone = Some(CreateFilePOptions { recursive: Some(false), ..options(WritePType::MustCache).unwrap() });
    for kind in TYPES {
        let outcome = create(folder.at("f"), options(kind)).await.err();
        assert!(matches!(outcome, Some(Error::AlreadyExists { .. })), "over a file: {outcome:?}");
        let outcome = create(folder.at("d"), options(kind)).await.err();
        assert!(matches!(outcome, Some(Error::AlreadyExists { .. })), "over a directory: {outcome:?}");
        let outcome = create(folder.at("f/below"), options(kind)).await.err();
        assert!(outcome.is_some(), "{kind:?} below a file");
    }
    let outcome = create(folder.at("no/such/dir"), alone).await.err();
    assert!(matches!(outcome, Some(Error::NotFound { .. })), "below nothing: {outcome:?}");
    let outcome = create("/../f".into(), options(WritePType::MustCache)).await.err();
    assert!(matches!(outcome, Some(Error::InvalidArgument { .. } | Error::InvalidPath { .. })), "a bad path: {outcome:?}");

    let (path, master) = (folder.at("g"), fs.acquire_master());
    let mut writer = GoosefsFileWriter::create_with_context(fs.clone(), &path, options(WritePType::CacheThrough)).await.expect(&path);
    writer.write(b"half").await.expect(&path);
    let outcome = GoosefsFileInStream::open_with_context(fs.clone(), &path, Default::default()).await.err();
    assert!(matches!(outcome, Some(Error::FileIncomplete { .. })), "a file that is being written: {outcome:?}");
    master.delete(&path, false).await.expect("it goes while it is written");
    let outcome = writer.close().await;
    assert!(outcome.is_err(), "a file that was removed is complete");
    let outcome = master.get_status(&path).await;
    assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
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
