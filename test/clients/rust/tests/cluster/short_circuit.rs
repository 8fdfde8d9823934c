//! Blocks that a worker on the client's own host lends as files: version 0.1.9 of the crate, the last one that maps them.

use goosefs_sdk_old::config::GoosefsConfig;
use goosefs_sdk_old::context::FileSystemContext;
use goosefs_sdk_old::io::{GoosefsFileInStream, GoosefsFileReader};
use goosefs_sdk_old::metrics::{counter, name};

use crate::{assert_same, block_size, sizes, variable, Folder};

async fn connect(lent: bool) -> std::sync::Arc<FileSystemContext> {
    let mut config = GoosefsConfig::new(&variable("GOOSEFS_MASTER_ADDR")).with_auth_type_str(&variable("GOOSEFS_AUTH_TYPE")).expect("a way to log in");
    config.short_circuit_enabled = lent;
    FileSystemContext::connect(config).await.expect("a connection")
}

async fn open(fs: &std::sync::Arc<FileSystemContext>, path: &str) -> GoosefsFileInStream {
    GoosefsFileInStream::open_with_context(fs.clone(), path, Default::default()).await.expect(path)
}

/// With and without it, the same bytes are read, whole, in order and at places, cold and cached.
#[tokio::test(flavor = "multi_thread")]
async fn on_and_off() {
    let folder = Folder::new("short-circuit");
    for lent in [true, false] {
        let fs = connect(lent).await;
        for size in sizes() {
            let (path, data) = folder.place(&format!("f{size}-{lent}"), size);
            for state in ["cold", "cached", "again"] {
                let what = format!("{path}, {state}");
                let got = GoosefsFileReader::read_file_with_context(fs.clone(), &path).await.expect(&what);
                assert_same(&got, &data, &what);
                let mut stream = open(&fs, &path).await;
                for (offset, length) in [(0, 1), (size / 2, 1000), (block_size() - 3, 7), (size.saturating_sub(10), 10)] {
                    if offset + length <= size {
                        let got = stream.read_at(offset as i64, length).await.expect(&what);
                        assert_same(&got, &data[offset..offset + length], &format!("{what}, {length} bytes at {offset}"));
                    }
                }
            }
        }
    }
}

/// Files of one block are mapped, if the worker that the client takes for its own has them.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_used() {
    let folder = Folder::new("short-circuit-used");
    let placed: Vec<_> = (0..24).map(|i| folder.place(&format!("f{i}"), 200_000 + i)).collect();
    let warm = connect(false).await; // who asks too early does not ask again for some seconds
    for (path, data) in &placed {
        assert_same(&GoosefsFileReader::read_file_with_context(warm.clone(), path).await.expect(path), data, path);
    }
    let (fs, before) = (connect(true).await, counter(name::CLIENT_SC_READ_BYTES).get());
    for (path, data) in &placed {
        assert_same(&open(&fs, path).await.read_at(0, data.len()).await.expect(path), data, path);
    }
    assert!(counter(name::CLIENT_SC_READ_BYTES).get() > before, "no block was mapped");
}
