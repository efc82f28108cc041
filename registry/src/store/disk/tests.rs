use super::*;

fn read(disk: &dyn Disk, file: &str) -> Option<Vec<u8>> {
    let length = disk.length(file).unwrap()?;
    let mut content = vec![0; usize::try_from(length).unwrap()];
    disk.read_at(file, 0, &mut content).unwrap();
    Some(content)
}

fn grows_is_cut_and_goes(disk: &dyn Disk) {
    assert_eq!(read(disk, "a"), None);
    disk.append("a", b"one").unwrap();
    disk.append("a", b"two").unwrap();
    disk.append("b", b"three").unwrap();
    disk.sync("a").unwrap();
    assert_eq!(disk.list().unwrap(), ["a", "b"]);
    assert_eq!(read(disk, "a").unwrap(), b"onetwo");
    let mut middle = [0; 2];
    disk.read_at("a", 2, &mut middle).unwrap();
    assert_eq!(&middle, b"et");
    let beyond = disk.read_at("a", 5, &mut middle).unwrap_err();
    assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
    disk.truncate("a", 4).unwrap();
    disk.append("a", b"!").unwrap();
    assert_eq!(read(disk, "a").unwrap(), b"onet!");
    disk.remove("a").unwrap();
    disk.remove("a").unwrap();
    assert_eq!(disk.list().unwrap(), ["b"]);
    let gone = disk.read_at("a", 0, &mut middle).unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    disk.append("a", b"again").unwrap();
    assert_eq!(read(disk, "a").unwrap(), b"again");
}

#[test]
fn a_directory_is_a_disk() {
    let directory = tempfile::tempdir().unwrap();
    grows_is_cut_and_goes(&Directory::open(directory.path()).unwrap());
}

#[test]
fn memory_is_a_disk() {
    grows_is_cut_and_goes(&MemoryDisk::new());
}

#[test]
fn a_directory_has_one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let first = Directory::open(directory.path()).unwrap();
    let second = Directory::open(directory.path()).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::ResourceBusy);
    drop(first);
    Directory::open(directory.path()).unwrap();
}

#[test]
fn what_was_synced_survives_a_loss_of_power_and_the_rest_does_in_parts() {
    let (mut whole, mut gone, mut partial, mut holes) = (0, 0, 0, 0);
    for seed in 0..200 {
        let disk = MemoryDisk::new();
        disk.append("a", &[1; 1000]).unwrap();
        disk.sync("a").unwrap();
        disk.append("a", &[2; 3000]).unwrap();
        disk.lose_power(seed);
        let left = disk.content("a").unwrap();
        assert_eq!(&left[..1000], &[1; 1000]);
        match left.len() {
            1000 => gone += 1,
            4000 => whole += 1,
            _ => partial += 1,
        }
        holes += usize::from(left[1000..].contains(&0));
    }
    assert!(
        whole > 0 && gone + partial > 0 && holes > 0,
        "{whole} {gone} {partial} {holes}"
    );
}

#[test]
fn a_file_that_was_never_synced_may_be_gone_and_a_removed_one_back() {
    let (mut gone, mut back) = (0, 0);
    for seed in 0..50 {
        let disk = MemoryDisk::new();
        disk.append("old", b"old").unwrap();
        disk.sync("old").unwrap();
        disk.remove("old").unwrap();
        disk.append("new", b"new").unwrap();
        disk.lose_power(seed);
        gone += usize::from(disk.content("new").is_none());
        back += usize::from(disk.content("old").is_some());
    }
    assert!((1..50).contains(&gone) && (1..50).contains(&back));
}

#[test]
fn the_power_fails_at_the_change_that_was_named() {
    let disk = MemoryDisk::new();
    disk.fail_at_change(2);
    disk.append("a", b"one").unwrap();
    disk.sync("a").unwrap();
    disk.append("a", b"two").unwrap_err();
    disk.append("a", b"three").unwrap_err();
    disk.length("a").unwrap_err();
    disk.lose_power(1);
    let left = disk.content("a").unwrap();
    assert!(left.starts_with(b"one") && !left.ends_with(b"three"));
    disk.append("a", b"four").unwrap();
}

#[test]
fn disks_fill_up_fail_and_rot() {
    let disk = MemoryDisk::new();
    disk.limit_bytes(Some(4));
    let full = disk.append("a", b"record").unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.content("a").unwrap(), b"reco");
    disk.limit_bytes(None);
    disk.append("a", b"rd").unwrap();
    let image = disk.image();
    disk.fail_syncs();
    disk.sync("a").unwrap_err();
    assert!(disk.rot("a", 1));
    assert!(!disk.rot("a", 6));
    assert_eq!(disk.content("a").unwrap(), b"rEcord");
    assert!(disk.zero_sector("a", 5));
    assert_eq!(disk.content("a").unwrap(), b"rEcor\0");
    disk.cut("a", 2);
    disk.fail_reads_of("a");
    disk.length("a").unwrap_err();
    assert_eq!(image.content("a").unwrap(), b"record");
}
