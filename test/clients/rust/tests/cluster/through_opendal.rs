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

#[tokio::test(flavor = "multi_thread")]
async fn write() {
    let folder = Folder::new("opendal-write");
    for kind in ["must_cache", "cache_through", "through"] {
        let builder = GooseFs::default()
            .master_addr(&variable("GOOSEFS_MASTER_ADDR"))
            .auth_type(&variable("GOOSEFS_AUTH_TYPE"))
            .root(&folder.path)
            .block_size(block_size() as u64)
            .write_type(kind);
        let op = Operator::new(builder).expect("an operator");
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
