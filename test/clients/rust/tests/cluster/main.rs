//! Tests of a goosefs cluster by GooseFS's own Rust crate, and by OpenDAL on top of it.
//!
//! Who runs them says where the cluster is, by the same variables as for the Python package (../python/support.py).

mod blocks;
mod kills;
mod names;
mod page_cache;
mod races;
mod reads;
mod short_circuit;
mod through_opendal;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;

use goosefs_sdk::config::GoosefsConfig;
use goosefs_sdk::context::FileSystemContext;
use sha2::{Digest, Sha256};

pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

pub fn block_size() -> usize {
    variable("GOOSEFS_TEST_BLOCK").parse().expect("GOOSEFS_TEST_BLOCK is a number")
}

/// Where the arithmetic of blocks and chunks can go wrong.
pub fn sizes() -> Vec<usize> {
    let block = block_size();
    vec![0, 1, (64 << 10) - 1, block - 1, block, block + 1, 3 * block + block / 2]
}

pub fn config() -> GoosefsConfig {
    let mut config = GoosefsConfig::from_properties_auto().expect("a configuration");
    let masters: Vec<String> = variable("GOOSEFS_MASTER_ADDR").split(',').map(str::to_string).collect();
    config.master_addr = masters[0].clone();
    config.master_addrs = if masters.len() > 1 { masters } else { vec![] };
    config.with_auth_type_str(&variable("GOOSEFS_AUTH_TYPE")).expect("a way to log in")
}

pub async fn connect() -> Arc<FileSystemContext> {
    FileSystemContext::connect(config()).await.expect("a connection")
}

pub fn sha(data: &[u8]) -> String {
    Sha256::digest(data).iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes are compared by their digests: nobody wants to see long ones.
pub fn assert_same(got: &[u8], want: &[u8], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: length");
    assert_eq!(sha(got), sha(want), "{what}: sha256");
}

/// A folder of one test, which the cluster does not know yet.
pub struct Folder {
    pub path: String,
    pub ufs: PathBuf,
}

impl Folder {
    pub fn new(test: &str) -> Self {
        let name = format!("rust-{test}-{}", std::process::id());
        let ufs = PathBuf::from(variable("GOOSEFS_TEST_UFS")).join(&name);
        std::fs::create_dir(&ufs).expect("a new folder");
        Folder { path: format!("/{name}"), ufs }
    }

    pub fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// A file that somebody put into the under file system: its path and its bytes.
    pub fn place(&self, name: &str, size: usize) -> (String, Vec<u8>) {
        let data = content(name, size);
        std::fs::write(self.ufs.join(name), &data).expect("a file");
        (self.at(name), data)
    }
}

/// Bytes that tell their place: a counter under a cheap mix, from a seed of the name.
pub fn content(name: &str, size: usize) -> Vec<u8> {
    let mut x = name.bytes().fold(size as u64 + 1, |h, b| h.wrapping_mul(31).wrapping_add(b as u64));
    let mut data = Vec::with_capacity(size + 8);
    while data.len() < size {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = x;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        data.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    data.truncate(size);
    data
}
