use std::collections::HashSet;

use goosefs_sdk::error::Error;

use crate::{block_size, connect, Folder};

#[tokio::test(flavor = "multi_thread")]
async fn status() {
    let (fs, folder) = (connect().await, Folder::new("status"));
    let master = fs.acquire_master();
    let (path, data) = folder.place("f", 2 * block_size() + 1);
    let info = master.get_status(&path).await.expect(&path);
    assert_eq!(info.path.as_deref(), Some(path.as_str()));
    assert_eq!(info.length, Some(data.len() as i64));
    assert_eq!(info.block_size_bytes, Some(block_size() as i64));
    assert_eq!((info.folder, info.completed, info.cacheable, info.persisted), (Some(false), Some(true), Some(true), Some(true)));
    let id = info.file_id.expect("an id");
    assert_eq!(info.block_ids, (0..3).map(|i| id >> 24 << 24 | i).collect::<Vec<_>>());
    let root = master.get_status("/").await.expect("/");
    assert_eq!((root.folder, root.completed, root.length), (Some(true), Some(true), Some(0)));
    for missing in [folder.at("none"), folder.at("f/below")] {
        let answer = master.get_status(&missing).await;
        assert!(matches!(answer, Err(Error::NotFound { .. })), "{missing}: {answer:?}");
    }
    for bad in ["", "relative", "/a/../b"] {
        let answer = master.get_status(bad).await;
        assert!(matches!(answer, Err(Error::InvalidArgument { .. }) | Err(Error::InvalidPath { .. })), "{bad}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listing() {
    let (fs, folder) = (connect().await, Folder::new("listing"));
    let master = fs.acquire_master();
    std::fs::create_dir(folder.ufs.join("d")).expect("a folder");
    let mut wanted = HashSet::from([folder.at("d")]);
    for i in 0..1500 {
        wanted.insert(folder.place(&format!("f{i}"), 1).0);
    }
    let paths = |entries: Vec<goosefs_sdk::proto::grpc::file::FileInfo>| entries.into_iter().filter_map(|e| e.path).collect::<HashSet<_>>();
    assert_eq!(paths(master.list_status(&folder.path, false).await.expect("a listing")), wanted);
    std::fs::write(folder.ufs.join("d").join("g"), b"x").expect("a file");
    wanted.insert(folder.at("d/g"));
    assert_eq!(paths(master.list_status(&folder.path, true).await.expect("a listing")), wanted);
    assert!(matches!(master.list_status(&folder.at("none"), false).await, Err(Error::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes() {
    let (fs, folder) = (connect().await, Folder::new("changes"));
    let master = fs.acquire_master();
    let (a, _) = folder.place("a", 10);
    let (b, _) = folder.place("b", 20);
    let deep = folder.at("x/y/z");
    assert!(matches!(master.create_directory(&deep, false).await, Err(Error::NotFound { .. })));
    master.create_directory(&deep, true).await.expect("a directory");
    master.create_directory(&deep, true).await.expect("it may be there");
    assert!(matches!(master.create_directory(&a, true).await, Err(Error::AlreadyExists { .. })));
    assert!(matches!(master.rename(&a, &b).await, Err(Error::AlreadyExists { .. })));
    let id = master.get_status(&a).await.expect(&a).file_id;
    let moved = folder.at("x/y/z/a");
    master.rename(&a, &moved).await.expect("a rename");
    assert_eq!(master.get_status(&moved).await.expect(&moved).file_id, id);
    assert!(matches!(master.rename(&a, &b).await, Err(Error::NotFound { .. })));
    assert!(matches!(master.delete(&folder.at("x"), false).await, Err(Error::DirectoryNotEmpty { .. })));
    master.delete(&folder.at("x"), true).await.expect("it goes");
    assert!(matches!(master.delete(&folder.at("x"), true).await, Err(Error::NotFound { .. })));
}
