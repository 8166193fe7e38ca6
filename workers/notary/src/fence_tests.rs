use std::time::Duration;

use tempfile::TempDir;

use super::*;

const KEY: [u8; 32] = [1; 32];

struct Disk {
    _folder: TempDir,
    journal: PathBuf,
    fence: PathBuf,
}

/// Where a key was made.
fn disk() -> Disk {
    let folder = TempDir::new().unwrap();
    let fence = folder.path().join("elsewhere/fence");
    enter(&fence, &KEY).unwrap();
    Disk {
        journal: folder.path().join("journal"),
        fence,
        _folder: folder,
    }
}

fn reached(epoch: u64, height: u64, view: u64) -> Reached {
    Reached {
        epoch,
        height,
        view,
    }
}

impl Disk {
    fn pass(&self, key: [u8; 32]) -> Result<Fence, Error> {
        Fence::pass(&self.fence, &self.journal, key)
    }

    /// As after a first start that signed something.
    fn used(&self) {
        let mut fence = self.pass(KEY).unwrap();
        fence.mark(reached(3, 70, 9)).unwrap();
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
fn a_key_is_new_until_it_began() {
    let disk = disk();
    let known = |key| {
        (
            knows(&disk.fence, &key).unwrap(),
            is_new(&disk.fence, &key).unwrap(),
        )
    };
    assert_eq!(known(KEY), (true, true));
    drop(disk.pass(KEY).unwrap());
    assert_eq!(known(KEY), (true, false));
    enter(&disk.fence, &KEY).unwrap();
    assert_eq!(
        known(KEY),
        (true, false),
        "entering it again changes nothing"
    );
    assert_eq!(known([2; 32]), (false, false));
    fs::write(&disk.fence, "?").unwrap();
    assert!(is_new(&disk.fence, &KEY).is_err());
}

/// All is lost, and the key is put back.
#[test]
fn a_key_that_the_fence_does_not_know_is_refused() {
    let disk = disk();
    disk.used();
    fs::remove_dir_all(&disk.journal).unwrap();
    fs::remove_file(&disk.fence).unwrap();
    for _ in 0..2 {
        let error = disk.refused(KEY);
        assert!(matches!(error, Error::Unknown { .. }), "{error}");
        assert!(error.needs_another_key());
        assert!(error.to_string().contains("Make a new key"), "{error}");
    }
    // Another one is made there.
    enter(&disk.fence, &[2; 32]).unwrap();
    assert!(matches!(disk.refused(KEY), Error::Unknown { .. }));
    disk.pass([2; 32]).unwrap();
}

/// A key that is made while a notary runs stays known when that notary marks its own.
#[test]
fn a_key_is_entered_beside_a_notary() {
    let disk = disk();
    let mut fence = disk.pass(KEY).unwrap();
    enter(&disk.fence, &[2; 32]).unwrap();
    fence.mark(reached(1, 7, 0)).unwrap();
    assert!(is_new(&disk.fence, &[2; 32]).unwrap());
    let rows = Rows::read(&disk.fence).unwrap();
    assert_eq!(rows.of(&KEY).unwrap().at.height, 7);
}

/// Fence and journal are put back together: as they are, and over those that are there.
#[test]
fn a_copied_fence_lets_nothing_through() {
    let keeps_times = File::open(".").unwrap().metadata().unwrap().created();
    for is_over in [false, true] {
        let disk = disk();
        disk.used();
        let copy = fs::read(&disk.fence).unwrap();
        // Times are kept to some milliseconds.
        std::thread::sleep(Duration::from_millis(30));
        disk.pass(KEY).unwrap().mark(reached(3, 80, 9)).unwrap();
        if !is_over {
            fs::remove_file(&disk.fence).unwrap();
        }
        std::thread::sleep(Duration::from_millis(30));
        fs::write(&disk.fence, copy).unwrap();
        if keeps_times.is_err() {
            // Such a file system tells nobody.
            disk.pass(KEY).unwrap();
            continue;
        }
        assert!(!knows(&disk.fence, &KEY).unwrap());
        let error = disk.refused(KEY);
        assert!(matches!(error, Error::Copied { .. }), "{error}");
        // With another key it goes on, and none of those before it ever votes again.
        enter(&disk.fence, &[2; 32]).unwrap();
        let error = disk.refused(KEY);
        assert!(error.needs_another_key(), "{error}");
        assert!(!is_new(&disk.fence, &KEY).unwrap());
        fs::remove_dir_all(&disk.journal).unwrap();
        disk.pass([2; 32]).unwrap();
        fs::remove_dir_all(&disk.journal).unwrap();
        assert!(matches!(disk.refused(KEY), Error::Copied { .. }));
    }
}

/// The fence of an earlier version knows a key from its first start on.
#[test]
fn a_fence_of_an_earlier_version_goes_on() {
    let disk = disk();
    disk.used();
    let text = fs::read_to_string(&disk.fence).unwrap();
    let row = text.lines().last().unwrap();
    let earlier = format!("{EARLIER}{row}\n");
    fs::write(&disk.fence, &earlier).unwrap();
    assert!(matches!(disk.refused([2; 32]), Error::Foreign { .. }));
    // The next key was made before the fence could know of it.
    // One that was put aside may have voted before the fence was there.
    let (keys, aside) = ([KEY, [2; 32]], [[4; 32], [2; 32], KEY]);
    renew(&disk.fence, &disk.journal, &keys, &aside).unwrap();
    assert!(is_new(&disk.fence, &[2; 32]).unwrap());
    let spent = |key| knows(&disk.fence, key).unwrap() && !is_new(&disk.fence, key).unwrap();
    assert!(spent(&[4; 32]));
    let fence = disk.pass(KEY).unwrap();
    assert_eq!(fence.row.at, reached(3, 70, 9));
    drop(fence);
    // Only once, and not where the journal is gone.
    renew(&disk.fence, &disk.journal, &[[3; 32]], &[]).unwrap();
    assert!(!knows(&disk.fence, &[3; 32]).unwrap());
    fs::remove_dir_all(&disk.journal).unwrap();
    fs::write(&disk.fence, &earlier).unwrap();
    renew(&disk.fence, &disk.journal, &[[2; 32]], &[]).unwrap();
    assert!(matches!(disk.refused([2; 32]), Error::Unknown { .. }));
    assert!(matches!(disk.refused(KEY), Error::Fenced { epoch: 3, .. }));
}

/// A whole backup from before the upgrade is put back with the times that its files had.
#[test]
fn a_copied_fence_of_an_earlier_version_lets_nothing_through() {
    let disk = disk();
    disk.used();
    let text = fs::read_to_string(&disk.fence).unwrap();
    let row = text.lines().last().unwrap();
    fs::write(&disk.fence, format!("{EARLIER}{row}\n")).unwrap();
    let file = File::options().append(true).open(&disk.fence).unwrap();
    let of = file.metadata().unwrap();
    if of.created().is_err() {
        return; // Such a file system tells nobody.
    }
    let before = of.modified().unwrap() - Duration::from_secs(3_600);
    file.set_modified(before).unwrap();
    for _ in 0..2 {
        renew(&disk.fence, &disk.journal, &[KEY, [2; 32]], &[]).unwrap();
        for key in [KEY, [2; 32]] {
            assert!(!knows(&disk.fence, &key).unwrap());
            let error = disk.refused(key);
            assert!(matches!(error, Error::Copied { .. }), "{error}");
        }
    }
    // With another key it goes on, and those before it never vote again.
    enter(&disk.fence, &[3; 32]).unwrap();
    assert!(disk.refused(KEY).needs_another_key());
    fs::remove_dir_all(&disk.journal).unwrap();
    disk.pass([3; 32]).unwrap();
}

#[test]
fn a_key_that_voted_without_a_journal_never_begins() {
    let disk = disk();
    spend(&disk.fence, &KEY, 12).unwrap();
    assert!(knows(&disk.fence, &KEY).unwrap());
    assert!(!is_new(&disk.fence, &KEY).unwrap());
    assert!(disk.refused(KEY).needs_another_key());
}

#[test]
fn the_same_journal_passes_again() {
    let disk = disk();
    disk.used();
    let mut fence = disk.pass(KEY).unwrap();
    assert_eq!(fence.row.at, reached(3, 70, 9));
    fence.mark(reached(2, 80, 90)).unwrap();
    assert_eq!(fence.row.at, reached(3, 80, 9), "never back");
    fence.mark(reached(4, 80, 2)).unwrap();
    assert_eq!(
        fence.row.at,
        reached(4, 80, 2),
        "views are counted by epoch"
    );
}

/// A journal that was put back is behind by an epoch, by a height, or where nothing became
/// final meanwhile by a view; and so is one whose votes of the epoch were deleted.
#[test]
fn a_journal_that_is_behind_is_refused() {
    let disk = disk();
    disk.used();
    let fence = disk.pass(KEY).unwrap();
    for whole in [
        reached(3, 70, 9),
        reached(3, 71, 10),
        reached(4, 70, 0),
        reached(4, 70, 12),
    ] {
        fence.holds(whole).unwrap();
    }
    for (behind, place) in [
        (reached(2, 90, 90), "epoch 2 and had reached 3"),
        (reached(3, 69, 9), "at 69 and had reached 70"),
        (reached(3, 70, 8), "view 8 and had reached 9"),
        (reached(3, 80, 0), "view 0 and had reached 9"),
    ] {
        let error = fence.holds(behind).unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
        assert!(error.needs_another_key(), "{error}");
    }
}

/// A row of a version that knew no view goes on.
#[test]
fn a_row_without_a_view_goes_on() {
    let disk = disk();
    disk.used();
    let rows = Rows::read(&disk.fence).unwrap();
    let row = *rows.of(&KEY).unwrap();
    let text = row.text();
    let earlier = text.trim_end().strip_suffix(" 9").unwrap();
    let read = Row::parse(earlier).unwrap();
    assert_eq!(read.at, reached(3, 70, 0));
    assert_eq!(Row::parse(text.trim_end()), Some(row));
    assert_eq!(Row::parse(&format!("{earlier} x")), None);
}

/// What the only authority of a ledger has signed stays known, and how far.
#[test]
fn a_key_without_a_journal_has_a_height() {
    let disk = disk();
    assert_eq!(spent(&disk.fence, &KEY).unwrap(), Some(0));
    for (height, known) in [(7, 7), (5, 7), (9, 9)] {
        spend(&disk.fence, &KEY, height).unwrap();
        assert_eq!(spent(&disk.fence, &KEY).unwrap(), Some(known));
    }
    assert_eq!(spent(&disk.fence, &[2; 32]).unwrap(), None);
    enter(&disk.fence, &[2; 32]).unwrap();
    assert_eq!(spent(&disk.fence, &KEY).unwrap(), Some(9));
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
    enter(&disk.fence, &[2; 32]).unwrap();
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
    fs::create_dir(&disk.journal).unwrap();
    begin(&disk.journal, &KEY).unwrap();
    disk.pass(KEY).unwrap();
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
    for wrong in [
        "",
        "tally-notary fence 1\nkey\n",
        "tally-notary fence 2\n-\nkey\n",
        &text[..text.len() - 6],
    ] {
        fs::write(&disk.fence, wrong).unwrap();
        assert!(
            matches!(disk.refused(KEY), Error::Damaged { .. }),
            "{wrong}"
        );
    }
}
