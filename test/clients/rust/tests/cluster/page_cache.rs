//! The client's own cache of pages: what it serves is what the file is, of one version.

use std::path::PathBuf;
use std::sync::Arc;

use goosefs_sdk::cache::metric_name;
use goosefs_sdk::context::FileSystemContext;
use goosefs_sdk::io::{GoosefsFileInStream, GoosefsFileReader, GoosefsFileWriter};
use goosefs_sdk::metrics::counter;
use goosefs_sdk::WritePType;

use crate::writes::options;
use crate::{assert_same, block_size, content, sizes, Folder};

/// A client with pages on a disk of its own, which is empty again afterwards.
struct Pages {
    fs: Arc<FileSystemContext>,
    dir: PathBuf,
}

impl Pages {
    async fn new(test: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("goosefs-pages-{test}-{}", std::process::id()));
        let mut config = crate::config();
        config.client_cache_enabled = true;
        config.client_cache_dirs = vec![dir.to_string_lossy().into_owned()];
        config.client_cache_size = 256 << 20;
        config.client_cache_page_size = 64 << 10;
        config.client_cache_async_write_enabled = false;
        Pages { fs: FileSystemContext::connect(config).await.expect("a connection"), dir }
    }

    async fn read(&self, path: &str) -> Vec<u8> {
        GoosefsFileReader::read_file_with_context(self.fs.clone(), path).await.expect(path).to_vec()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_size_again_and_again() {
    let (pages, folder) = (Pages::new("sizes").await, Folder::new("pages"));
    let hits = counter(metric_name::CLIENT_CACHE_BYTES_READ_CACHE).get();
    for size in sizes() {
        let (path, data) = folder.place(&format!("f{size}"), size);
        for turn in 0..3 {
            assert_same(&pages.read(&path).await, &data, &format!("{path}, turn {turn}"));
        }
        if size > 10 {
            let mut stream = GoosefsFileInStream::open_with_context(pages.fs.clone(), &path, Default::default()).await.expect(&path);
            for _ in 0..2 {
                assert_same(&stream.read_at(size as i64 - 10, 10).await.expect(&path), &data[size - 10..], &format!("the end of {path}"));
            }
        }
    }
    assert!(counter(metric_name::CLIENT_CACHE_BYTES_READ_CACHE).get() > hits, "no page was ever served");
}

/// A file that is removed and written anew has another id: no page of the old one is taken for the new one's.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_anew() {
    let (pages, folder) = (Pages::new("anew").await, Folder::new("pages-anew"));
    for kind in [WritePType::MustCache, WritePType::CacheThrough, WritePType::Through] {
        let path = folder.at(&format!("{kind:?}"));
        for turn in 0..3 {
            let data = content(&format!("{path} {turn}"), block_size() + 1);
            GoosefsFileWriter::write_file_with_context_and_options(pages.fs.clone(), &path, &data, options(kind)).await.expect(&path);
            for _ in 0..2 {
                assert_same(&pages.read(&path).await, &data, &format!("{path}, turn {turn}"));
            }
            pages.fs.acquire_master().delete(&path, false).await.expect(&path);
            pages.fs.invalidate_metadata(&path, true);
        }
    }
}
