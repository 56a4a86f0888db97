//! Blocks of Prometheus are read as they were written, or refused; never otherwise. What their samples are is compared by the
//! import's tests with the file of which they were made.

use std::path::Path;

use disk::{Disk, MemDisk};
use tsdb::offline::{PrometheusBlock, PrometheusBlockError, PrometheusSeries};

/// A copy of the committed block.
struct Site(MemDisk);

const DIR: &str = "/theirs/01ABC";
const FILES: [(&str, &[u8]); 2] = [
    ("index", include_bytes!("../fixtures/prometheus/block/index")),
    ("chunks/000001", include_bytes!("../fixtures/prometheus/block/chunks/000001")),
];

impl Site {
    fn new() -> Self {
        let site = Self(MemDisk::new());
        site.0.create_dir_all(&Path::new(DIR).join("chunks")).unwrap();
        FILES.iter().for_each(|(file, bytes)| site.write(file, bytes));
        site
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        disk::replace(&self.0, &Path::new(DIR).join(file), bytes).unwrap();
    }

    fn read(&self) -> Result<Vec<PrometheusSeries>, PrometheusBlockError> {
        let mut all = Vec::new();
        let block = PrometheusBlock::open(&self.0, Path::new(DIR))?;
        block.for_each(|series, done| {
            assert!(done <= block.index_bytes());
            all.push(series);
            Ok::<_, PrometheusBlockError>(())
        })?;
        Ok(all)
    }
}

/// Where the series begin, by the table of contents.
fn series_at(index: &[u8]) -> usize {
    u64::from_be_bytes(index[index.len() - 44..][..8].try_into().unwrap()).next_multiple_of(16) as usize
}

#[test]
fn every_changed_byte_is_noticed_or_means_nothing() {
    let site = Site::new();
    let whole = format!("{:?}", site.read().unwrap());
    let (mut noticed, mut all) = (0, 0);
    for (file, bytes) in FILES {
        for at in 0..bytes.len() {
            for bit in [0x01, 0x80] {
                let mut changed = bytes.to_vec();
                changed[at] ^= bit;
                site.write(file, &changed);
                match site.read() {
                    Ok(series) => assert_eq!(format!("{series:?}"), whole, "{file} {at}"),
                    Err(error) => {
                        let error = error.to_string();
                        assert!(error.starts_with(&format!("{DIR}/{file}: byte ")), "{at}: {error}");
                        noticed += 1;
                    }
                }
                all += 1;
            }
        }
        site.write(file, bytes);
    }
    // The index has parts that are for queries alone.
    assert!(noticed > all / 2, "{noticed} of {all}");
}

/// As a power cut leaves a page that was never written.
#[test]
fn zeros_in_the_place_of_series_are_refused() {
    let site = Site::new();
    let (file, bytes) = FILES[0];
    let series_at = series_at(bytes);
    let ends = [series_at + 16, series_at + 64];
    for (from, to) in ends.into_iter().map(|end| (series_at, end)).chain([(series_at + 16, series_at + 48)]) {
        let mut changed = bytes.to_vec();
        changed[from..to].fill(0);
        site.write(file, &changed);
        assert!(site.read().is_err(), "{from} to {to}");
    }
}

#[test]
fn a_file_that_is_cut_is_refused() {
    let site = Site::new();
    for (file, bytes) in FILES {
        for length in 0..bytes.len() {
            site.write(file, &bytes[..length]);
            assert!(site.read().is_err(), "{file} {length}");
        }
        site.write(file, bytes);
    }
    site.0.remove_file(&Path::new(DIR).join(FILES[1].0)).unwrap();
    let error = site.read().unwrap_err().to_string();
    assert!(error.ends_with("chunk file 000001 is missing"), "{error}");
}

#[test]
fn what_was_deleted_stays_out() {
    let site = Site::new();
    let whole = site.read().unwrap();
    // The first series lies at a multiple of sixteen, which is its name.
    let series_at = series_at(FILES[0].1) as u64;
    let (from_ms, to_ms) = (whole[0].samples.times_ms[3], whole[0].samples.times_ms[7]);
    let mut deletion = Vec::new();
    stdx::varint::put_u64(&mut deletion, series_at / 16);
    stdx::varint::put_i64(&mut deletion, from_ms);
    stdx::varint::put_i64(&mut deletion, to_ms);
    let mut file = vec![0x01, 0x30, 0xba, 0x30, 1];
    file.extend(&deletion);
    file.extend(crc32c::crc32c(&deletion).to_be_bytes());
    site.write("tombstones", &file);
    let left = site.read().unwrap();
    let mut expected = whole[0].samples.times_ms.clone();
    expected.drain(3..=7);
    assert_eq!(left[0].samples.times_ms, expected);
    assert_eq!(format!("{:?}", &left[1..]), format!("{:?}", &whole[1..]));
    file[8] ^= 1;
    site.write("tombstones", &file);
    assert!(site.read().unwrap_err().to_string().contains("the checksum is another"));
}
