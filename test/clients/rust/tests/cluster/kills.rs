//! Files are written and read while masters or workers are killed: what was acknowledged is there afterwards, whole.
//!
//! As ../../../python/test_kills.py, which says what the client does not survive by itself. Who runs this kills, says so in a line on the
//! standard input, and closes that at the end. OpenDAL writes under another name and renames: a write of it that failed is repeated as
//! it is.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use goosefs_sdk::context::FileSystemContext;
use goosefs_sdk::error::{Error, Result};
use goosefs_sdk::io::{GoosefsFileReader, GoosefsFileWriter};
use goosefs_sdk::proto::grpc::file::CreateFilePOptions;
use goosefs_sdk::WritePType;
use opendal::{services::GooseFs, ErrorKind, Operator};

use crate::{assert_same, content, variable, Folder};

/// Small blocks, so that many files are written in the time.
const BLOCK: usize = 256 << 10;
const SIZES: [usize; 7] = [0, 1, (64 << 10) - 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + BLOCK / 2];
const TYPES: [WritePType; 4] = [WritePType::MustCache, WritePType::CacheThrough, WritePType::Through, WritePType::AsyncThrough];
const PATIENCE: Duration = Duration::from_secs(30);

/// What is going on, as it was told on the standard input.
struct Story {
    killed: AtomicBool,
    over: AtomicBool,
    failures: Mutex<BTreeMap<String, usize>>,
}

impl Story {
    fn listen() -> Arc<Self> {
        let story = Arc::new(Story { killed: false.into(), over: false.into(), failures: Default::default() });
        let told = story.clone();
        std::thread::spawn(move || {
            for _ in std::io::stdin().lock().lines() {
                told.killed.store(true, SeqCst);
            }
            told.over.store(true, SeqCst);
        });
        story
    }

    /// Notes an error. Before anything is killed there may be none.
    fn failed(&self, what: &str, error: &dyn std::fmt::Display) {
        assert!(self.killed.load(SeqCst), "{what}: {error}");
        let numberless: String = error.to_string().chars().filter(|c| !c.is_ascii_digit()).take(150).collect();
        let text = format!("{what}: {numberless}");
        *self.failures.lock().unwrap().entry(text).or_default() += 1;
    }
}

/// Errors of calls that may be done again.
fn is_trouble(e: &Error) -> bool {
    use Error::*;
    !matches!(e, AlreadyExists { .. } | FileIncomplete { .. } | InvalidArgument { .. } | NotFound { .. } | PermissionDenied { .. })
}

/// What step returns, which may be done again if it fails.
async fn patiently<T, F: std::future::Future<Output = Result<T>>>(step: impl Fn() -> F) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match step().await {
            Err(e) if is_trouble(&e) && Instant::now() < end => tokio::time::sleep(Duration::from_millis(50)).await,
            outcome => return outcome,
        }
    }
}

/// The bytes of a file, by another client: one that saw a worker die leaves it alone for a minute, also where only that one has them.
async fn read_anew(path: &str) -> Vec<u8> {
    let read = || async {
        let fs = FileSystemContext::connect(crate::config()).await?;
        GoosefsFileReader::read_file_with_context(fs, path).await
    };
    patiently(read).await.expect(path).to_vec()
}

async fn try_to_write(fs: &Arc<FileSystemContext>, path: &str, data: &[u8], kind: WritePType) -> Result<()> {
    let options = CreateFilePOptions { block_size_bytes: Some(BLOCK as i64), write_type: Some(kind as i32), ..Default::default() };
    let mut writer = GoosefsFileWriter::create_with_context(fs.clone(), path, Some(options)).await?;
    let mut outcome = Ok(());
    for piece in data.chunks(100_000) {
        outcome = writer.write(piece).await;
        if outcome.is_err() {
            break;
        }
    }
    if outcome.is_ok() {
        outcome = writer.close().await;
    }
    if outcome.is_err() {
        writer.cancel().await?; // before somebody else begins the file: the client may remove it by its name
    }
    outcome
}

/// Whether a write that failed has left all of the file. If it has left anything else, that is removed.
async fn is_whole(fs: &Arc<FileSystemContext>, path: &str, data: &[u8]) -> bool {
    let master = fs.acquire_master();
    let info = match patiently(|| master.get_status(path)).await {
        Err(Error::NotFound { .. }) => return false,
        info => info.expect(path),
    };
    if info.completed() {
        assert_same(&read_anew(path).await, data, &format!("{path}, whose write failed and which is complete"));
        return true;
    }
    assert_eq!(info.length(), 0, "{path}, which is not complete");
    match patiently(|| master.delete(path, false)).await {
        Ok(()) | Err(Error::NotFound { .. }) => false, // it was removed the first time
        Err(e) => panic!("{path}: {e}"),
    }
}

type Acknowledged = Vec<(String, WritePType, usize)>;

/// Writes one file after another by the crate.
async fn write(story: Arc<Story>, folder: Arc<Folder>) -> Acknowledged {
    let fs = crate::connect().await;
    let mut acknowledged = vec![];
    while !story.over.load(SeqCst) {
        let turn = acknowledged.len();
        let (kind, size) = (TYPES[turn / SIZES.len() % TYPES.len()], SIZES[turn % SIZES.len()]);
        let name = format!("crate-{turn}");
        let (path, data, end) = (folder.at(&name), content(&name, size), Instant::now() + PATIENCE);
        while let Err(e) = try_to_write(&fs, &path, &data, kind).await {
            assert!(is_trouble(&e), "{path}: {e}");
            story.failed(&format!("the crate writes {kind:?}"), &e);
            assert!(Instant::now() < end, "{path} cannot be written: {e}");
            if is_whole(&fs, &path, &data).await {
                break;
            }
        }
        if matches!(kind, WritePType::CacheThrough | WritePType::Through) {
            let there = std::fs::read(folder.ufs.join(&name)).expect(&name);
            assert_same(&there, &data, &format!("{name} in the under file system, when it was acknowledged"));
        }
        acknowledged.push((name, kind, size));
    }
    acknowledged
}

/// Writes one file after another by OpenDAL, some in pieces, and reads them.
async fn write_through_opendal(story: Arc<Story>, folder: Arc<Folder>) -> Acknowledged {
    let operator = |kind: &str| {
        let builder = GooseFs::default()
            .master_addr(&variable("GOOSEFS_MASTER_ADDR"))
            .auth_type(&variable("GOOSEFS_AUTH_TYPE"))
            .root(&folder.path)
            .block_size(BLOCK as u64)
            .chunk_size(64 << 10)
            .write_type(kind);
        Operator::new(builder).expect("an operator")
    };
    let operators: Vec<_> = TYPES.iter().map(|kind| operator(kind.as_str_name())).collect();
    let mut acknowledged = vec![];
    while !story.over.load(SeqCst) {
        let turn = acknowledged.len();
        let (kind, size) = (turn / SIZES.len() % TYPES.len(), SIZES[turn % SIZES.len()]);
        let name = format!("opendal-{turn}");
        let (op, data, end) = (&operators[kind], content(&name, size), Instant::now() + PATIENCE);
        while let Err(e) = op.write(&name, data.clone()).await {
            assert_eq!(e.kind(), ErrorKind::Unexpected, "{name}: {e}");
            story.failed(&format!("OpenDAL writes {:?}", TYPES[kind]), &e);
            assert!(Instant::now() < end, "{name} cannot be written: {e}");
        }
        if turn % 3 == 0 {
            assert_same(&read_anew(&folder.at(&name)).await, &data, &name);
        }
        acknowledged.push((name, TYPES[kind], size));
    }
    acknowledged
}

/// Reads files that were there before, by the crate and by OpenDAL.
async fn read(story: Arc<Story>, folder: Arc<Folder>) -> usize {
    let placed: Vec<_> = (0..8).map(|i| folder.place(&format!("placed-{i}"), 1_000_000 + i)).collect();
    let fs = crate::connect().await;
    let builder = GooseFs::default().master_addr(&variable("GOOSEFS_MASTER_ADDR")).auth_type(&variable("GOOSEFS_AUTH_TYPE")).root(&folder.path);
    let op = Operator::new(builder).expect("an operator");
    let mut turns = 0;
    while !story.over.load(SeqCst) {
        let (path, data) = &placed[turns % placed.len()];
        match GoosefsFileReader::read_file_with_context(fs.clone(), path).await {
            Ok(got) => assert_same(&got, data, path),
            Err(e) => story.failed("the crate reads", &e),
        }
        match op.read(&format!("placed-{}", turns % placed.len())).await {
            Ok(got) => assert_same(&got.to_vec(), data, path),
            Err(e) => story.failed("OpenDAL reads", &e),
        }
        turns += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    turns
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "somebody has to kill meanwhile"]
async fn what_is_acknowledged_stays() {
    let (story, folder) = (Story::listen(), Arc::new(Folder::new("kills")));
    let reads = tokio::spawn(read(story.clone(), folder.clone()));
    let writes = [tokio::spawn(write(story.clone(), folder.clone())), tokio::spawn(write_through_opendal(story.clone(), folder.clone()))];
    println!("begun");
    let mut acknowledged = vec![];
    for w in writes {
        acknowledged.extend(w.await.expect("a writer"));
    }
    let turns = reads.await.expect("a reader");
    let failures = story.failures.lock().unwrap().clone();
    println!("{} files written, {turns} read; {} failures", acknowledged.len(), failures.values().sum::<usize>());
    failures.iter().for_each(|(what, n)| println!("  {n} {what}"));
    assert!(turns > 0 && acknowledged.len() > 20);
    everything_is_there(&folder, &acknowledged).await;
}

async fn everything_is_there(folder: &Folder, acknowledged: &Acknowledged) {
    let fs = crate::connect().await;
    let master = fs.acquire_master();
    for (name, kind, size) in acknowledged {
        let (path, data) = (folder.at(name), content(name, *size));
        let info = patiently(|| master.get_status(&path)).await.expect(&path);
        assert!(info.completed() && info.length() as usize == *size, "{path}, {kind:?}: {info:?}");
        assert_same(&read_anew(&path).await, &data, &format!("{path}, {kind:?}"));
        if *kind != WritePType::MustCache {
            await_persisted(&fs, &path).await;
            assert_same(&std::fs::read(folder.ufs.join(name)).expect(name), &data, &format!("{name}, {kind:?}, in the under file system"));
        }
    }
}

async fn await_persisted(fs: &Arc<FileSystemContext>, path: &str) {
    let (master, end) = (fs.acquire_master(), Instant::now() + PATIENCE);
    loop {
        let info = patiently(|| master.get_status(path)).await.expect(path);
        if info.persisted() {
            return;
        }
        assert!(Instant::now() < end, "{path} is {}", info.persistence_state());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
