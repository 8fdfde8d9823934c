//! Several clients want the same name at once: one has it.

use futures::future::join_all;
use goosefs_sdk::error::Error;
use goosefs_sdk::io::{GoosefsFileReader, GoosefsFileWriter};
use goosefs_sdk::WritePType;

use crate::writes::{options, TYPES};
use crate::{assert_same, block_size, connect, content, Folder};

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_renames_wins() {
    let (fs, folder) = (connect().await, Folder::new("race"));
    let master = fs.acquire_master();
    let sources: Vec<_> = (0..16).map(|i| folder.place(&format!("s{i}"), i + 1).0).collect();
    let target = folder.at("target");
    let outcomes = join_all(sources.iter().map(|path| master.rename(path, &target))).await;
    let won: Vec<_> = (0..16).filter(|i| outcomes[*i].is_ok()).collect();
    assert_eq!(won.len(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|o| matches!(o, Ok(()) | Err(Error::AlreadyExists { .. }))), "{outcomes:?}");
    assert_eq!(master.get_status(&target).await.expect("the target").length, Some(won[0] as i64 + 1));
}

/// One file goes to one of several names, and the others are told that it is not there any more.
#[tokio::test(flavor = "multi_thread")]
async fn one_file_goes_to_one_place() {
    let (fs, folder) = (connect().await, Folder::new("race-from"));
    let master = fs.acquire_master();
    let (path, data) = folder.place("f", 1000);
    let targets: Vec<_> = (0..16).map(|i| folder.at(&format!("t{i}"))).collect();
    let outcomes = join_all(targets.iter().map(|to| master.rename(&path, to))).await;
    assert!(outcomes.iter().all(|o| matches!(o, Ok(()) | Err(Error::NotFound { .. }))), "{outcomes:?}");
    let there: Vec<_> = master.list_status(&folder.path, false).await.expect("a listing").into_iter().filter_map(|e| e.path).collect();
    let won: Vec<_> = targets.iter().zip(&outcomes).filter(|(_, o)| o.is_ok()).map(|(to, _)| to.clone()).collect();
    assert_eq!(won.len(), 1, "{outcomes:?}");
    assert_eq!(there, won);
    assert_same(&GoosefsFileReader::read_file_with_context(fs, &won[0]).await.expect("the file"), &data, &won[0]);
}

/// Files of all types are written at once by several clients, and none has another's bytes.
#[tokio::test(flavor = "multi_thread")]
async fn many_writers() {
    let folder = Folder::new("many-writers");
    let clients = join_all((0..3).map(|_| connect())).await;
    let files: Vec<_> = (0..24).map(|i| (folder.at(&format!("f{i}")), content(&format!("f{i}"), block_size() + 50_000 * i + 1))).collect();
    let writes = files.iter().enumerate().map(|(i, (path, data))| {
        GoosefsFileWriter::write_file_with_context_and_options(clients[i % 3].clone(), path, data, options(TYPES[i % TYPES.len()]))
    });
    for (outcome, (path, _)) in join_all(writes).await.into_iter().zip(&files) {
        outcome.expect(path);
    }
    for (i, (path, data)) in files.iter().enumerate() {
        assert_same(&GoosefsFileReader::read_file_with_context(clients[(i + 1) % 3].clone(), path).await.expect(path), data, path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creations_wins() {
    let folder = Folder::new("race-create");
    let clients = join_all((0..4).map(|_| connect())).await;
    for kind in [WritePType::MustCache, WritePType::CacheThrough] {
        let path = folder.at(&format!("{kind:?}"));
        let contents: Vec<_> = (0..8).map(|i| content(&format!("{i}"), 100_000)).collect();
        let writes = contents.iter().enumerate().map(|(i, data)| {
            GoosefsFileWriter::write_file_with_context_and_options(clients[i % 4].clone(), &path, data, options(kind))
        });
        let outcomes = join_all(writes).await;
        assert!(outcomes.iter().all(|o| matches!(o, Ok(_) | Err(Error::AlreadyExists { .. }))), "{:?}", outcomes.iter().map(|o| o.as_ref().err()).collect::<Vec<_>>());
        let won: Vec<_> = (0..8).filter(|i| outcomes[*i].is_ok()).collect();
        assert_eq!(won.len(), 1, "{path} was made by {won:?}");
        assert_same(&GoosefsFileReader::read_file_with_context(clients[0].clone(), &path).await.expect(&path), &contents[won[0]], &path);
    }
}
