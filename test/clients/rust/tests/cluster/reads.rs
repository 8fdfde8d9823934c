use futures::future::join_all;
use goosefs_sdk::error::Error;
use goosefs_sdk::io::{GoosefsFileInStream, GoosefsFileReader};

use crate::{assert_same, block_size, connect, sizes, Folder};

#[tokio::test(flavor = "multi_thread")]
async fn every_size_cold_and_cached() {
    let (fs, folder) = (connect().await, Folder::new("every-size"));
    for size in sizes() {
        let (path, data) = folder.place(&format!("f{size}"), size);
        for state in ["cold", "cached"] {
            let got = GoosefsFileReader::read_file_with_context(fs.clone(), &path).await.expect(&path);
            assert_same(&got, &data, &format!("{path}, {state}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn block_by_block() {
    let (fs, folder) = (connect().await, Folder::new("block-by-block"));
    let size = 3 * block_size() + block_size() / 2;
    let (path, data) = folder.place("f", size);
    let mut reader = GoosefsFileReader::open_with_context(fs.clone(), &path).await.expect(&path);
    assert_eq!((reader.file_length() as usize, reader.block_count()), (size, 4));
    let mut got = Vec::new();
    while let Some(block) = reader.read_next_block().await.expect("a block") {
        got.extend_from_slice(&block);
    }
    assert_same(&got, &data, &path);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges() {
    let (fs, folder) = (connect().await, Folder::new("ranges"));
    let block = block_size();
    let (path, data) = folder.place("f", 3 * block + block / 2);
    for start in [0, 1, block - 1, block, block + 1, 2 * block - 7, data.len() - 1] {
        for length in [1, 1000, block, 2 * block] {
            let end = data.len().min(start + length);
            let got = GoosefsFileReader::read_range_with_context(fs.clone(), &path, start as u64, (end - start) as u64).await;
            assert_same(&got.expect(&path), &data[start..end], &format!("{path} from {start} to {end}"));
        }
    }
    let wanted = [(5u64, 100u64), (block as u64 - 3, 10), (data.len() as u64 - 4, 4)];
    let parts = GoosefsFileReader::read_ranges_with_context(fs.clone(), &path, &wanted).await.expect(&path);
    for ((start, length), got) in wanted.iter().zip(parts) {
        assert_same(&got, &data[*start as usize..(start + length) as usize], &format!("{length} bytes at {start}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_order_and_at_places() {
    let (fs, folder) = (connect().await, Folder::new("in-order"));
    let (path, data) = folder.place("f", 2 * block_size() + 12_345);
    for step in [1000, 65_536, 1_048_577] {
        let mut stream = open(&fs, &path).await;
        let (mut got, mut part) = (Vec::new(), vec![0; step]);
        loop {
            let n = stream.read(&mut part).await.expect("bytes");
            if n == 0 {
                break;
            }
            got.extend_from_slice(&part[..n]);
        }
        assert!(stream.is_eof());
        assert_same(&got, &data, &format!("{path} in steps of {step}"));
    }
    let mut stream = open(&fs, &path).await;
    for (offset, length) in [(0, 10), (block_size() - 5, 10), (data.len() - 10, 10), (77, 1_500_000)] {
        let got = stream.read_at(offset as i64, length).await.expect("bytes");
        assert_same(&got, &data[offset..offset + length], &format!("{length} bytes at {offset}"));
    }
    stream.seek(block_size() as i64 - 2).await.expect("a place");
    let mut four = [0; 4];
    let mut n = 0;
    while n < 4 {
        n += stream.read(&mut four[n..]).await.expect("bytes");
    }
    assert_eq!(four, data[block_size() - 2..block_size() + 2]);
}

async fn open(fs: &std::sync::Arc<goosefs_sdk::FileSystemContext>, path: &str) -> GoosefsFileInStream {
    GoosefsFileInStream::open_with_context(fs.clone(), path, Default::default()).await.expect(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once() {
    let (fs, folder) = (connect().await, Folder::new("many"));
    let placed: Vec<_> = (0..200).map(|i| folder.place(&format!("f{i}"), 50_000 + i)).collect();
    let reads = placed.iter().map(|(path, _)| GoosefsFileReader::read_file_with_context(fs.clone(), path));
    for ((path, data), got) in placed.iter().zip(join_all(reads).await) {
        assert_same(&got.expect(path), data, path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there() {
    let (fs, folder) = (connect().await, Folder::new("not-there"));
    let missing = GoosefsFileReader::read_file_with_context(fs.clone(), &folder.at("none")).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    let (path, _) = folder.place("f", 1000);
    fs.acquire_master().get_status(&path).await.expect("it is known");
    std::fs::remove_file(folder.ufs.join("f")).expect("it is taken away");
    let gone = GoosefsFileReader::read_file_with_context(fs, &path).await;
    assert!(gone.is_err(), "{} bytes of what is gone", gone.unwrap().len());
}
