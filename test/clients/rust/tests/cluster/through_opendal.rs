use std::future::IntoFuture;

use futures::future::join_all;
use futures::TryStreamExt;
use opendal::{services::GooseFs, EntryMode, ErrorKind, Operator};

use crate::{assert_same, block_size, sizes, variable, Folder};

fn operator(folder: &Folder) -> Operator {
    let builder = GooseFs::default()
        .master_addr(&variable("GOOSEFS_MASTER_ADDR"))
        .auth_type(&variable("GOOSEFS_AUTH_TYPE"))
        .root(&folder.path);
    Operator::new(builder).expect("an operator")
}

#[tokio::test(flavor = "multi_thread")]
async fn stat_and_read() {
    let folder = Folder::new("opendal-read");
    let op = operator(&folder);
    for size in sizes() {
        let name = format!("f{size}");
        let (_, data) = folder.place(&name, size);
        let meta = op.stat(&name).await.expect(&name);
        assert_eq!((meta.mode(), meta.content_length()), (EntryMode::FILE, size as u64));
        assert!(meta.last_modified().is_some() && meta.etag().is_some());
        assert_same(&op.read(&name).await.expect(&name).to_vec(), &data, &name);
    }
    let (_, data) = folder.place("g", 2 * block_size() + 77);
    for (start, end) in [(0, 10), (block_size() - 3, block_size() + 3), (5, 2 * block_size()), (data.len() - 1, data.len())] {
        let got = op.read_with("g").range(start as u64..end as u64).await.expect("a range");
        assert_same(&got.to_vec(), &data[start..end], &format!("from {start} to {end}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_and_delete() {
    let folder = Folder::new("opendal-list");
    let op = operator(&folder);
    folder.place("f", 3);
    std::fs::create_dir(folder.ufs.join("d")).expect("a folder");
    std::fs::write(folder.ufs.join("d").join("g"), b"x").expect("a file");
    let names = |entries: Vec<opendal::Entry>| {
        let mut names: Vec<_> = entries.iter().map(|e| e.path().to_string()).filter(|n| n != "/").collect();
        names.sort();
        names
    };
    let listed: Vec<_> = op.lister("").await.expect("a listing").try_collect().await.expect("entries");
    assert_eq!(names(listed), ["d/", "f"]);
    let all: Vec<_> = op.lister_with("").recursive(true).await.expect("a listing").try_collect().await.expect("entries");
    assert_eq!(names(all), ["d/", "d/g", "f"]);
    op.create_dir("made/").await.expect("a directory");
    assert_eq!(op.stat("made/").await.expect("made").mode(), EntryMode::DIR);
    op.rename("f", "made/f").await.expect("a rename");
    assert!(!op.exists("f").await.expect("an answer"));
    op.delete("made/f").await.expect("it goes");
    op.delete("made/f").await.expect("it may be gone");
    let missing = op.stat("made/f").await.expect_err("it is gone");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    let missing = op.read("none").await.expect_err("it was never there");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

fn writing(folder: &Folder, kind: &str) -> Operator {
    let builder = GooseFs::default()
        .master_addr(&variable("GOOSEFS_MASTER_ADDR"))
        .auth_type(&variable("GOOSEFS_AUTH_TYPE"))
        .root(&folder.path)
        .block_size(block_size() as u64)
        .write_type(kind);
    Operator::new(builder).expect("an operator")
}

const TYPES: [&str; 5] = ["must_cache", "try_cache", "cache_through", "through", "async_through"];

#[tokio::test(flavor = "multi_thread")]
async fn write() {
    let folder = Folder::new("opendal-write");
    for kind in TYPES {
        let op = writing(&folder, kind);
        for size in sizes() {
            let name = format!("{kind}-{size}");
            let data = crate::content(&name, size);
            op.write(&name, data.clone()).await.expect(&name);
            assert_same(&op.read(&name).await.expect(&name).to_vec(), &data, &name);
        }
        let name = format!("{kind}-pieces");
        let mut writer = op.writer(&name).await.expect(&name);
        let data = crate::content(&name, 3 * block_size());
        for part in data.chunks(700_001) {
            writer.write(part.to_vec()).await.expect(&name);
        }
        writer.close().await.expect(&name);
        assert_same(&op.read(&name).await.expect(&name).to_vec(), &data, &name);
    }
}

/// It writes under another name, and renames: over what is there, unless it was told not to.
#[tokio::test(flavor = "multi_thread")]
async fn write_over() {
    let folder = Folder::new("opendal-over");
    for kind in TYPES {
        let op = writing(&folder, kind);
        let (first, second) = (crate::content("first", block_size() + 1), crate::content("second", 1000));
        op.write(kind, first).await.expect(kind);
        op.write(kind, second.clone()).await.expect("over it");
        assert_same(&op.read(kind).await.expect(kind).to_vec(), &second, kind);
        let refused = op.write_with(kind, "third").if_not_exists(true).await.expect_err("it exists");
        assert_eq!(refused.kind(), ErrorKind::ConditionNotMatch);
        assert_same(&op.read(kind).await.expect(kind).to_vec(), &second, kind);
    }
    only(&writing(&folder, "through"), &TYPES).await;
}

/// The folder has just these names: nothing that a write went by is left.
async fn only(op: &Operator, names: &[&str]) {
    let entries: Vec<_> = op.lister("").await.expect("a listing").try_collect().await.expect("entries");
    let mut there: Vec<_> = entries.iter().map(|e| e.path().to_string()).filter(|n| n != "/").collect();
    let mut wanted: Vec<_> = names.to_vec();
    there.sort();
    wanted.sort();
    assert_eq!(there, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn abort() {
    let folder = Folder::new("opendal-abort");
    for kind in TYPES {
        let op = writing(&folder, kind);
        op.write(kind, "before").await.expect(kind);
        let mut writer = op.writer(kind).await.expect(kind);
        writer.write(crate::content(kind, block_size() + 1000)).await.expect(kind);
        writer.abort().await.expect(kind);
        assert_eq!(op.read(kind).await.expect(kind).to_vec(), b"before");
    }
    only(&writing(&folder, "through"), &TYPES).await;
}

/// Of many that make a file which may not exist, one does.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creations_wins() {
    let folder = Folder::new("opendal-race");
    let op = writing(&folder, "cache_through");
    let contents: Vec<_> = (0..8).map(|i| crate::content(&format!("{i}"), 50_000)).collect();
    let writes = contents.iter().map(|data| op.write_with("f", data.clone()).if_not_exists(true));
    let outcomes = join_all(writes.map(|w| w.into_future())).await;
    let won: Vec<_> = (0..8).filter(|i| outcomes[*i].is_ok()).collect();
    assert_eq!(won.len(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|o| o.as_ref().map_or_else(|e| e.kind() == ErrorKind::ConditionNotMatch, |_| true)), "{outcomes:?}");
    assert_same(&op.read("f").await.expect("the file").to_vec(), &contents[won[0]], "the file");
    only(&op, &["f"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_all() {
    let folder = Folder::new("opendal-delete");
    let op = writing(&folder, "cache_through");
    for name in ["a/b/f", "a/g", "h"] {
        op.write(name, name).await.expect(name);
    }
    op.delete_with("a/").recursive(true).await.expect("it goes");
    only(&op, &["h"]).await;
    assert!(!folder.ufs.join("a").exists());
}
