use std::path::Path;
use std::time::{Duration, Instant};

use crate::authority::{rows, seed};
use crate::net::Net;

const FOUR: [u8; 4] = [1, 2, 3, 4];

macro_rules! all {
    ($($test:ident),* $(,)?) => {
        pub const ALL: &[(&str, fn())] = &[$((stringify!($test), $test)),*];
    };
}

all![
    an_idle_chain_is_paced,
    a_nudge_wakes_the_leader,
    the_side_channel_says_who_speaks,
    one_that_floods_takes_nobodys_room,
    three_of_four_go_on_and_the_fourth_catches_up,
    two_of_four_halt_and_resume,
    all_killed_resume_without_loss,
    kills_at_any_time_lose_nothing,
    what_is_missing_is_waited_for,
    authorities_join_and_leave,
    a_key_of_long_ago_is_answered_by_nobody,
    a_lost_disk_needs_a_new_key,
    a_store_put_back_is_filled_again,
    a_journal_put_back_is_refused,
    a_journal_put_back_in_a_halt_is_refused,
    votes_that_were_deleted_are_refused,
    a_liar_is_not_believed,
    twins_make_no_fork,
];

fn four(more: &[&str]) -> Net {
    let mut net = Net::new(&FOUR, &[]);
    net.start(&FOUR, more);
    net
}

fn an_idle_chain_is_paced() {
    let net = four(&["pace=200"]);
    net.reach(&FOUR, 5);
    let (from, start) = (net.height(1), Instant::now());
    std::thread::sleep(Duration::from_secs(4));
    let blocks = net.height(1) - from;
    let most = start.elapsed().as_millis() / 200 + 1;
    assert!(blocks >= 8, "{blocks} blocks in 4 s: views are missed");
    assert!(
        u128::from(blocks) <= most,
        "{blocks} blocks of at most {most}"
    );
    assert!(net.agree(&FOUR).iter().all(|row| row.kind == 'e'));
}

fn a_nudge_wakes_the_leader() {
    let net = four(&["pace=1500"]);
    net.reach(&FOUR, 1);
    let mut waited = Vec::new();
    for said in 1..=7_u64 {
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        net.tell(1, "entries 5");
        net.within(10, "entries", || {
            rows(&net.folder(1))
                .last()
                .is_some_and(|row| row.entries >= 5 * said)
        });
        waited.push(start.elapsed());
    }
    waited.sort_unstable();
    let median = waited[waited.len() / 2];
    assert!(median < Duration::from_millis(500), "{waited:?}");
    net.agree(&FOUR);
}

fn the_side_channel_says_who_speaks() {
    let net = four(&[]);
    net.reach(&FOUR, 3);
    let of_two = crate::authority::hex(&tally_notary::public_key(&seed(2)));
    let heard = |net: &Net, number| {
        let log = net.folder(number).join("heard.log");
        std::fs::read_to_string(log).unwrap_or_default()
    };
    // What is said before two are connected is lost, as the channel's users are told: three of
    // four make blocks while the fourth is still dialled.
    let mut said = Instant::now();
    net.tell(2, "say hello");
    net.within(60, "a greeting", || {
        if said.elapsed() > Duration::from_secs(1) {
            net.tell(2, "say hello");
            said = Instant::now();
        }
        [1, 3, 4]
            .iter()
            .all(|number| !heard(&net, *number).is_empty())
    });
    let greeting = format!("{of_two} hello");
    for number in [1, 3, 4] {
        assert!(heard(&net, number).lines().all(|line| line == greeting));
    }
    assert_eq!(heard(&net, 2), "", "nobody hears itself");
}

/// 1 takes in fifty messages a second, and 4 says as many as it can.
fn one_that_floods_takes_nobodys_room() {
    let mut net = Net::new(&FOUR, &[]);
    net.start(&[1], &["slow=20"]);
    net.start(&[2, 3, 4], &[]);
    net.reach(&FOUR, 3);
    let heard = |net: &Net, of: u8, what: &str| {
        let log = std::fs::read_to_string(net.folder(1).join("heard.log")).unwrap_or_default();
        let of = crate::authority::hex(&tally_notary::public_key(&seed(of)));
        let line = format!("{of} {what}");
        log.lines().filter(|known| *known == line).count()
    };
    // Both are connected.
    for of in [2, 4] {
        net.within(60, "a greeting", || {
            net.tell(of, "say hello");
            std::thread::sleep(Duration::from_millis(500));
            heard(&net, of, "hello") > 0
        });
    }
    net.tell(4, "flood");
    net.within(30, "the flood", || heard(&net, 4, "junk") > 0);
    std::thread::sleep(Duration::from_secs(3));
    // Each is heard, and soon.
    for round in 0..5 {
        let said = format!("signed {round}");
        net.tell(2, &format!("say {said}"));
        net.within(5, &said, || heard(&net, 2, &said) == 1);
    }
    net.advance(&FOUR, 5);
    net.agree(&FOUR);
}

fn three_of_four_go_on_and_the_fourth_catches_up() {
    let mut net = four(&["entries=10"]);
    net.reach(&FOUR, 20);
    net.kill(&[3]);
    net.advance(&[1, 2, 4], 50);
    net.start(&[3], &["entries=10"]);
    net.advance(&FOUR, 30);
    net.agree(&FOUR);
}

fn two_of_four_halt_and_resume() {
    let mut net = four(&["entries=10"]);
    net.reach(&FOUR, 20);
    net.kill(&[3, 4]);
    // What was final before may still be being written.
    let mut halted = [0; 2];
    net.within(60, "two of four to halt", || {
        let before = halted;
        halted = [net.height(1), net.height(2)];
        std::thread::sleep(Duration::from_secs(1));
        before == halted
    });
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(
        [net.height(1), net.height(2)],
        halted,
        "two of four agreed on a block"
    );
    net.start(&[4], &["entries=10"]);
    net.advance(&[1, 2, 4], 20);
    net.start(&[3], &["entries=10"]);
    net.advance(&FOUR, 20);
    net.agree(&FOUR);
}

fn all_killed_resume_without_loss() {
    let mut net = four(&["entries=10"]);
    net.reach(&FOUR, 30);
    net.kill(&FOUR);
    let before: Vec<_> = FOUR
        .iter()
        .map(|number| rows(&net.folder(*number)))
        .collect();
    net.start(&FOUR, &["entries=10"]);
    net.advance(&FOUR, 20);
    let after = net.agree(&FOUR);
    for store in before {
        let digests = |rows: &[crate::authority::Row]| {
            rows.iter()
                .map(|row| row.digest.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(digests(&store), digests(&after[..store.len()]), "lost");
    }
}

/// `TALLY_KILLS` says how many processes; without it, a dozen. What a store had when its process
/// was killed it has ever after, no two stores differ, and nobody was seen to vote twice.
fn kills_at_any_time_lose_nothing() {
    let kills = std::env::var("TALLY_KILLS").map_or(12, |text| text.parse().unwrap());
    let mut net = four(&["entries=3"]);
    net.reach(&FOUR, 5);
    let (mut done, mut written, mut contradictions) = (0, 0, 0);
    // Not at random: at places all over a view, the same in each run.
    for round in 0_u64.. {
        if done >= kills {
            break;
        }
        // One, or one after the other before the first is back: up to all of them.
        let killed: Vec<u8> = (0..[1, 1, 2, 1, 4, 1, 3][(round % 7) as usize])
            .map(|next| FOUR[((round + next) % 4) as usize])
            .collect();
        std::thread::sleep(Duration::from_millis(137 * round % 401));
        contradictions += net.status(killed[0]).2;
        net.kill(&killed);
        done += killed.len();
        let before: Vec<_> = killed.iter().map(|n| rows(&net.folder(*n))).collect();
        std::thread::sleep(Duration::from_millis(89 * round % 211));
        net.start(&killed, &["entries=3"]);
        if killed.len() > 1 || round % 8 == 7 {
            net.advance(&FOUR, 1);
        }
        let after = net.agree(&FOUR);
        for store in before {
            let digests = |rows: &[crate::authority::Row]| {
                let digests = rows.iter().map(|row| row.digest.clone());
                digests.collect::<Vec<_>>()
            };
            assert_eq!(digests(&store), digests(&after[..store.len()]), "lost");
            written += store.len();
        }
        if round % 50 == 49 {
            println!("{done} of {kills} kills, {} blocks", after.len());
        }
    }
    net.advance(&FOUR, 20);
    let blocks = net.agree(&FOUR).len();
    contradictions += FOUR.iter().map(|n| net.status(*n).2).sum::<u64>();
    assert_eq!(contradictions, 0, "somebody voted twice");
    println!(
        "{done} kills, {blocks} blocks: 0 forks, 0 equivocations, \
         0 lost of {written} rows looked at"
    );
}

fn what_is_missing_is_waited_for() {
    let net = four(&[]);
    net.reach(&FOUR, 3);
    // It proposes what the others cannot judge, again and again; only its own
    // views are lost by it.
    std::fs::write(net.folder(1).join("policy"), "").unwrap();
    net.tell(1, "missing policy");
    net.advance(&FOUR, 15);
    assert!(net.agree(&FOUR).iter().all(|row| row.kind != 'm'));
    for number in [2, 3, 4] {
        std::fs::write(net.folder(number).join("policy"), "").unwrap();
        net.tell(number, "nudge");
    }
    net.within(20, "what was missing", || {
        let has = |number: &u8| rows(&net.folder(*number)).iter().any(|row| row.kind == 'm');
        FOUR.iter().all(has)
    });
    net.advance(&FOUR, 5);
    net.agree(&FOUR);
}

fn authorities_join_and_leave() {
    let mut net = Net::new(&FOUR, &[5, 6]);
    net.start(&FOUR, &[]);
    net.reach(&FOUR, 5);
    let five = net.set(&[1, 2, 3, 4, 5]);
    net.tell(1, &format!("set {five}"));
    net.within(30, "epoch 1", || net.status(2).0 == 1);
    net.start(&[5], &[]);
    net.advance(&[1, 2, 3, 4, 5], 10);
    assert_eq!(net.status(5), (1, true, 0));

    // One leaves as another joins, who was not there for two epochs and knows
    // where two of today's authorities are.
    let changed = net.set(&[2, 3, 4, 5, 6]);
    net.tell(5, &format!("set {changed}"));
    net.within(30, "epoch 2", || net.status(2).0 == 2);
    let known = format!("known={}", net.set(&[4, 5]));
    net.start(&[6], &[&known]);
    net.advance(&[2, 3, 4, 5, 6], 10);
    net.within(10, "the end of 1", || net.status(1) == (2, false, 0));
    assert_eq!(net.status(6), (2, true, 0));

    // Those of the new set are enough: one of five may be away.
    net.kill(&[1, 4]);
    net.advance(&[2, 3, 5, 6], 10);
    net.start(&[4], &[]);
    net.advance(&[2, 3, 4, 5, 6], 10);
    let rows = net.agree(&[1, 2, 3, 4, 5, 6]);
    let ends: Vec<_> = rows
        .windows(2)
        .filter(|pair| pair[0].epoch != pair[1].epoch)
        .collect();
    assert_eq!(ends.len(), 2);
    assert!(
        ends.iter()
            .all(|pair| pair[0].kind == 's' && pair[1].epoch == pair[0].epoch + 1)
    );
}

/// 5 is the next key of the organisation of 4, which is away while it is voted in, while 1
/// takes another key too (6), and for one epoch more.
fn a_key_of_long_ago_is_answered_by_nobody() {
    let mut net = Net::new(&FOUR, &[5, 6]);
    net.start(&FOUR, &[]);
    net.reach(&FOUR, 10);
    assert_eq!(net.silent(4), 0);
    assert_eq!(net.end(4), "stopped\n");
    let first = net.set(&[1, 2, 3, 5]);
    net.tell(1, &format!("set {first}"));
    net.within(30, "epoch 1", || net.status(2).0 == 1);
    let second = net.set(&[2, 3, 5, 6]);
    net.tell(2, &format!("set {second}"));
    net.within(30, "epoch 2", || net.status(3).0 == 2);
    // Two of four: nothing is final until one of the new keys is there.
    net.start(&[4], &[]);
    net.within(30, "nobody to answer", || net.silent(4) >= 3);
    let stood = net.height(4);
    net.within(30, "nobody to answer", || net.silent(4) >= 6);
    assert_eq!(net.height(4), stood);
    assert_eq!(net.status(4), (0, true, 0));

    // With the key in force, what its store has, a journal of its own, and those of today.
    assert_eq!(net.end(4), "stopped\n");
    std::fs::create_dir(net.folder(5)).unwrap();
    let store = |number| net.folder(number).join("store.log");
    std::fs::copy(store(4), store(5)).unwrap();
    let known = format!("known={}", net.set(&[2, 3, 6]));
    net.start(&[5], &[&known]);
    net.advance(&[2, 3, 5], 10);
    assert_eq!(net.status(5), (2, true, 0));
    assert_eq!(net.silent(5), 0);
    net.agree(&[1, 2, 3, 5]);
}

fn a_lost_disk_needs_a_new_key() {
    let mut net = Net::new(&FOUR, &[5]);
    net.start(&FOUR, &[]);
    net.reach(&FOUR, 10);
    net.kill(&[4]);
    std::fs::remove_dir_all(net.folder(4).join("journal")).unwrap();
    net.start(&[4], &[]);
    let refused = net.end(4);
    assert!(
        refused.starts_with("refused: this key has voted in epoch 0"),
        "{refused}"
    );
    assert!(refused.contains("Make a new key"), "{refused}");
    // Nor where nothing is left but the key.
    std::fs::remove_dir_all(net.folder(4)).unwrap();
    net.start(&[4], &[]);
    let refused = net.end(4);
    assert!(refused.contains("does not know this key"), "{refused}");

    // The procedure that it names: 5 is the new key of the organisation of 4.
    let changed = net.set(&[1, 2, 3, 5]);
    net.tell(1, &format!("set {changed}"));
    net.within(30, "epoch 1", || net.status(2).0 == 1);
    net.start(&[5], &[]);
    net.advance(&[1, 2, 3, 5], 10);
    assert_eq!(net.status(5), (1, true, 0));
    net.kill(&[2]);
    net.advance(&[1, 3, 5], 10);
    net.agree(&[1, 2, 3, 5]);
}

fn a_store_put_back_is_filled_again() {
    let mut net = Net::new(&FOUR, &[]);
    net.start(&FOUR, &[]);
    net.reach(&FOUR, 5);
    let same = net.set(&FOUR);
    net.tell(1, &format!("set {same}"));
    net.within(30, "epoch 1", || net.status(1).0 == 1);
    net.advance(&FOUR, 20);
    // 1 has a backup from before, 2 has nothing left.
    assert_eq!([net.end(1), net.end(2)], ["stopped\n"; 2]);
    let log = net.folder(1).join("store.log");
    let text = std::fs::read_to_string(&log).unwrap();
    let three: String = text.split_inclusive('\n').take(3).collect();
    std::fs::write(&log, three).unwrap();
    std::fs::remove_file(net.folder(2).join("store.log")).unwrap();
    net.start(&[1, 2], &[]);
    net.advance(&FOUR, 5);
    net.agree(&FOUR);

    // A store with a block that never was final is no store of this chain.
    net.kill(&[1]);
    let text = std::fs::read_to_string(&log).unwrap();
    let (whole, last) = text.trim_end().rsplit_once('\n').unwrap();
    let words: Vec<&str> = last.split(' ').collect();
    let other = last.replace(words[2], &"ab".repeat(32));
    std::fs::write(&log, format!("{whole}\n{other}\n")).unwrap();
    net.start(&[1], &[]);
    let ended = net.ended(1);
    assert!(ended.starts_with("ended: block"), "{ended}");
}

fn copied(from: &Path, to: &Path) {
    let mut copies = std::process::Command::new("cp");
    let copied = copies.arg("-r").args([from, to]).status();
    assert!(copied.unwrap().success());
}

fn a_journal_put_back_is_refused() {
    let mut net = four(&[]);
    net.reach(&FOUR, 10);
    assert_eq!(net.end(4), "stopped\n");
    let (journal, copy) = (net.folder(4).join("journal"), net.folder(4).join("copy"));
    copied(&journal, &copy);
    net.start(&[4], &[]);
    net.advance(&FOUR, 30);
    net.kill(&[4]);
    std::fs::remove_dir_all(&journal).unwrap();
    std::fs::rename(&copy, &journal).unwrap();
    net.start(&[4], &[]);
    let ended = net.ended(4);
    assert!(ended.contains("it was put back from a copy"), "{ended}");
}

/// The last view that the fence of 4 knows.
fn view(net: &Net) -> u64 {
    let fence = std::fs::read_to_string(net.folder(4).join("fence/fence")).unwrap();
    let row = fence.lines().last().unwrap();
    row.split(' ')
        .nth(4)
        .map_or(0, |view| view.parse().unwrap())
}

/// Views go on and no height does: nobody can judge what is proposed.
fn a_journal_put_back_in_a_halt_is_refused() {
    let mut net = four(&[]);
    net.reach(&FOUR, 5);
    for number in FOUR {
        net.tell(number, "missing policy");
    }
    let mut height = 0;
    net.within(60, "a halt", || {
        std::thread::sleep(Duration::from_secs(3));
        let before = std::mem::replace(&mut height, net.height(1));
        before == height
    });
    assert_eq!(net.end(4), "stopped\n");
    let (journal, copy) = (net.folder(4).join("journal"), net.folder(4).join("copy"));
    copied(&journal, &copy);
    let names = std::fs::read_dir(copy.join("store/votes-0")).unwrap();
    let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    let last = names.map(|name| u64::from_str_radix(&name, 16).unwrap());
    let last = last.max().unwrap();
    net.start(&[4], &[]);
    net.tell(4, "missing policy");
    net.within(60, "more views", || view(&net) > last);
    net.kill(&[4]);
    assert_eq!(net.height(4), height);
    std::fs::remove_dir_all(&journal).unwrap();
    std::fs::rename(&copy, &journal).unwrap();
    net.start(&[4], &[]);
    let ended = net.ended(4);
    assert!(ended.contains("it was put back from a copy"), "{ended}");
}

/// Blocks and heights are all there, and the votes of the epoch are not.
fn votes_that_were_deleted_are_refused() {
    let mut net = four(&[]);
    net.reach(&FOUR, 5);
    net.within(60, "the fence to know a view", || view(&net) > 0);
    net.kill(&[4]);
    std::fs::remove_dir_all(net.folder(4).join("journal/store/votes-0")).unwrap();
    net.start(&[4], &[]);
    let ended = net.ended(4);
    assert!(ended.contains("ends at view 0"), "{ended}");
}

fn a_liar_is_not_believed() {
    let mut net = Net::new(&FOUR, &[]);
    net.start(&[1, 2, 3], &[]);
    net.start(&[4], &["lies=yes"]);
    net.advance(&[1, 2, 3], 40);
    let rows = net.agree(&[1, 2, 3]);
    assert!(rows.iter().all(|row| row.kind == 'e'), "a lie was believed");
    // Nor with one of the honest away for a while: it halts rather than lie.
    net.kill(&[3]);
    std::thread::sleep(Duration::from_secs(3));
    net.start(&[3], &[]);
    net.advance(&[1, 2, 3], 10);
    net.agree(&[1, 2, 3]);
}

/// Key 4 runs twice: to 1 and 2 it is at one place, to 3 at another. Each twin
/// proposes and votes as it likes, so one key signs two blocks of one view.
fn twins_make_no_fork() {
    let mut net = Net::new(&FOUR, &[5]);
    let here = format!("known=4@127.0.0.1:{}", net.ports[&4]);
    let there = format!("known=4@127.0.0.1:{}", net.ports[&5]);
    net.start(&[1, 2], &[&here, "entries=1"]);
    net.start(&[3], &[&there, "entries=1"]);
    // Neither twin dials whom the other is to be heard by: of one key an authority keeps
    // the connection that is there first.
    let not_three = format!("{here},3@127.0.0.1:1");
    let only_three = format!("{there},1@127.0.0.1:1,2@127.0.0.1:1");
    net.start_as(4, 4, &["entries=2", &not_three]);
    net.start_as(5, 4, &["entries=3", &only_three]);
    let of_four = crate::authority::hex(&tally_notary::public_key(&seed(4)));
    net.within(30, "both to be heard under one key", || {
        net.tell(4, "say here");
        net.tell(5, "say there");
        let heard = |number: u8, word: &str| {
            let log = net.folder(number).join("heard.log");
            let log = std::fs::read_to_string(log).unwrap_or_default();
            log.contains(&format!("{of_four} {word}\n"))
        };
        heard(1, "here") && heard(2, "here") && heard(3, "there")
    });
    net.advance(&[1, 2, 3], 100);
    // Whatever the twins were told is of the same chain too.
    let rows = net.agree(&[1, 2, 3, 4, 5]);
    let has = |entries| {
        rows.windows(2)
            .any(|two| two[1].entries == two[0].entries + entries)
    };
    assert!(
        has(1) && has(2),
        "blocks of the honest and of the twin that two of them hear"
    );
    assert!(!has(3), "the other has one vote beside its own");
}
