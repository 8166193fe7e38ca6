use tempfile::TempDir;

use super::*;

const KEY: [u8; 32] = [1; 32];

struct Disk {
    _folder: TempDir,
    journal: PathBuf,
    fence: PathBuf,
}

fn disk() -> Disk {
    let folder = TempDir::new().unwrap();
    Disk {
        journal: folder.path().join("journal"),
        fence: folder.path().join("elsewhere/fence"),
        _folder: folder,
    }
}

impl Disk {
    fn pass(&self, key: [u8; 32]) -> Result<Fence, Error> {
        Fence::pass(&self.fence, &self.journal, key)
    }

    /// As after a first start that signed something.
    fn used(&self) {
        let mut fence = self.pass(KEY).unwrap();
        fence.mark(3, 70).unwrap();
        fs::create_dir(self.journal.join(STORE)).unwrap();
    }

    fn refused(&self, key: [u8; 32]) -> Error {
        match self.pass(key) {
            Ok(_) => panic!("it was let through"),
            Err(error) => error,
        }
    }
}

#[test]
fn a_key_that_began_is_known() {
    let disk = disk();
    assert!(!has_begun(&disk.fence, &KEY).unwrap());
    drop(disk.pass(KEY).unwrap());
    assert!(has_begun(&disk.fence, &KEY).unwrap());
    assert!(!has_begun(&disk.fence, &[2; 32]).unwrap());
    fs::write(&disk.fence, "?").unwrap();
    assert!(has_begun(&disk.fence, &KEY).is_err());
}

#[test]
fn the_same_journal_passes_again() {
    let disk = disk();
    disk.used();
    let mut fence = disk.pass(KEY).unwrap();
    assert_eq!((fence.epoch(), fence.height()), (3, 70));
    fence.mark(2, 80).unwrap();
    assert_eq!((fence.epoch(), fence.height()), (3, 80), "never back");
}

#[test]
fn a_wiped_journal_under_the_same_key_is_refused() {
    let disk = disk();
    disk.used();
    fs::remove_dir_all(&disk.journal).unwrap();
    let error = disk.refused(KEY);
    let Error::Fenced { epoch: 3, what } = &error else {
        panic!("{error}");
    };
    assert!(what.ends_with("is gone"), "{what}");
    assert!(error.to_string().contains("Make a new key"), "{error}");
    let again = disk.refused(KEY);
    assert!(
        matches!(again, Error::Fenced { .. }),
        "trying makes no journal: {again}"
    );
    disk.pass([2; 32]).unwrap();
    assert!(
        matches!(disk.refused(KEY), Error::Fenced { .. }),
        "the old key stays out"
    );
}

#[test]
fn another_journal_under_the_same_key_is_refused() {
    let (disk, other) = (disk(), disk());
    disk.used();
    other.used();
    fs::remove_dir_all(&disk.journal).unwrap();
    fs::rename(&other.journal, &disk.journal).unwrap();
    let error = disk.refused(KEY);
    assert!(matches!(&error, Error::Fenced { what, .. } if what.ends_with("another journal")));
}

#[test]
fn a_journal_without_its_fence_is_refused() {
    let disk = disk();
    disk.used();
    fs::remove_file(&disk.fence).unwrap();
    assert!(matches!(disk.refused(KEY), Error::NoFence { .. }));
    fs::remove_file(disk.journal.join("identity")).unwrap();
    assert!(matches!(disk.refused(KEY), Error::NoFence { .. }));
}

#[test]
fn a_start_that_ended_before_the_fence_was_written_passes() {
    let disk = disk();
    drop(disk.pass(KEY).unwrap());
    fs::remove_file(&disk.fence).unwrap();
    disk.pass(KEY).unwrap();
}

#[test]
fn a_journal_of_another_key_is_refused() {
    let disk = disk();
    disk.used();
    let error = disk.refused([2; 32]);
    assert!(matches!(error, Error::Foreign { what: "key", .. }));
}

#[test]
fn one_process_at_a_time() {
    let (one, two) = (disk(), disk());
    let held = one.pass(KEY).unwrap();
    assert!(matches!(one.refused(KEY), Error::InUse { .. }));
    let same_fence = Fence::pass(&one.fence, &two.journal, KEY).err();
    assert!(
        matches!(same_fence, Some(Error::InUse { .. })),
        "a copied folder"
    );
    let same_journal = Fence::pass(&two.fence, &one.journal, KEY).err();
    assert!(matches!(same_journal, Some(Error::InUse { .. })));
    drop(held);
    one.pass(KEY).unwrap();
}

#[test]
fn a_damaged_fence_is_no_fence() {
    let disk = disk();
    disk.used();
    let text = fs::read_to_string(&disk.fence).unwrap();
    for wrong in ["", "tally-notary fence 1\nkey\n", &text[..text.len() - 6]] {
        fs::write(&disk.fence, wrong).unwrap();
        assert!(
            matches!(disk.refused(KEY), Error::Damaged { .. }),
            "{wrong}"
        );
    }
}
