//! What is the host's: slots, stack, threads, and machine code kept on disk.

use std::sync::{Arc, Barrier};

use tally_core::adjudication::{
    Answers, ContractFault, Determination, Question, TableKey, TableRow, TrapKind,
};
use tally_sandbox::{Backend, HostFault, Limits, LoadError, Refused, Sandbox, prove};

use super::guest::{Guest, WIT};
use super::rig::{BACKENDS, loaded, ready, run, sandbox};

fn determined(
    guest: &Guest,
    backend: Backend,
    times: u32,
) -> Vec<Result<Determination, ContractFault>> {
    let policy = loaded(guest, backend);
    (0..times)
        .map(|_| run(&policy, Limits::FUEL).unwrap().determined)
        .collect()
}

/// How deep calls may go differs over compilers: the host's fault, tried
/// again, never a verdict. And it leaves its slot free.
#[test]
fn a_stack_that_overflows() {
    let guest = Guest::doing("(call $f)").with(
        "(type $t (func)) (table 1 1 funcref) (elem (i32.const 0) $f)
         (func $f (type $t) (call_indirect (type $t) (i32.const 0)) (call_indirect (type $t) (i32.const 0)))",
    );
    for backend in BACKENDS {
        let policy = loaded(&guest, backend);
        for _ in 0..Limits::CONCURRENT * 2 {
            let fault = run(&policy, Limits::FUEL).err();
            assert!(matches!(fault, Some(HostFault::StackOverflow)), "{fault:?}");
        }
    }
}

/// A guest that would count its claims sees the first one every time: in a
/// global, in its memory, and in memory it grew.
#[test]
fn nothing_is_kept_between_claims() {
    let guest = Guest::doing(
        "(if (global.get $seen) (then unreachable))
         (global.set $seen (i32.const 1))
         (if (i32.load (i32.const 131072)) (then unreachable))
         (i32.store (i32.const 131072) (i32.const 1))
         (if (i32.ne (memory.size) (i32.const 3)) (then unreachable))
         (drop (memory.grow (i32.const 61)))
         (if (i32.load (i32.const 4194300)) (then unreachable))
         (i32.store (i32.const 4194300) (i32.const 1))
         (if (i32.ne (i32.load (i32.const 1024)) (i32.load (i32.const 1028))) (then
            (i32.store (i32.const 1024) (i32.load (i32.const 1028)))) (else unreachable))",
    )
    .with("(global $seen (mut i32) (i32.const 0))");
    for backend in BACKENDS {
        for determined in determined(&guest, backend, Limits::CONCURRENT * 3) {
            assert!(determined.is_ok());
        }
    }
}

/// Memory written by one policy is nothing to another that gets its slot.
#[test]
fn nothing_is_seen_of_a_neighbour() {
    let writer = Guest::doing(
        "(drop (memory.grow (i32.const 61)))
         (memory.fill (i32.const 65536) (i32.const 0xee) (i32.const 4128768))",
    );
    let reader = Guest::doing(
        "(drop (memory.grow (i32.const 61)))
         (local.set $i (i32.const 131072))
         (loop $l
            (if (i64.ne (i64.load (local.get $i)) (i64.const 0)) (then unreachable))
            (local.set $i (i32.add (local.get $i) (i32.const 8)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 4194304))))",
    );
    for backend in BACKENDS {
        let (writer, reader) = (loaded(&writer, backend), loaded(&reader, backend));
        for _ in 0..8 {
            assert!(run(&writer, Limits::FUEL).unwrap().determined.is_ok());
            assert!(run(&reader, Limits::FUEL).unwrap().determined.is_ok());
        }
    }
}

/// Every trap gives its slot back.
#[test]
fn traps_do_not_use_slots_up() {
    for code in ["unreachable", "(loop $l (br $l))"] {
        let guest = Guest::doing(code);
        for backend in BACKENDS {
            let policy = loaded(&guest, backend);
            for _ in 0..Limits::CONCURRENT * 3 {
                let fault = run(&policy, 1_000).unwrap().determined.unwrap_err();
                let expected = match code {
                    "unreachable" => ContractFault::Trap(TrapKind::Unreachable),
                    _ => ContractFault::OutOfFuel { limit: 1_000 },
                };
                assert_eq!(fault, expected);
            }
        }
    }
}

/// Fuel is exact: what a claim uses is enough for it, one unit less is not.
#[test]
fn fuel_is_exact() {
    let guest = Guest::doing(
        "(loop $l
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))
         (call $f)",
    )
    .with("(func $f)");
    let mut used = Vec::new();
    for backend in BACKENDS {
        let policy = loaded(&guest, backend);
        let fuel = run(&policy, Limits::FUEL).unwrap().fuel.unwrap();
        assert_eq!(run(&policy, fuel + 1).unwrap().fuel, Some(fuel));
        // Fuel is looked at where a function begins and a loop turns.
        let least = (1..=fuel)
            .rev()
            .find(|fuel| run(&policy, *fuel).unwrap().determined.is_err());
        used.push((fuel, least));
    }
    assert_eq!(used[0], used[1]);
    eprintln!("fuel used, and the most that is not enough: {:?}", used[0]);
}

/// Holds every slot at once, by answering a question only when all have asked.
struct Held(Barrier);

impl Answers for Held {
    fn lookup(&self, _: u16, _: &[TableKey]) -> Option<Vec<TableRow>> {
        self.0.wait();
        self.0.wait();
        None
    }
    fn query(&self, _: &[Question]) -> Vec<i64> {
        vec![]
    }
}

#[test]
fn more_threads_than_slots_are_told_so() {
    let sandbox = Sandbox::new(Backend::Cranelift).unwrap();
    let guest =
        Guest::doing("(call $lookup (i32.const 0) (i32.const 131072) (i32.const 0) (i32.const 0))");
    let policy = Arc::new(
        sandbox
            .load(&prove(guest.build()).unwrap())
            .unwrap_or_else(|e| panic!("{e}")),
    );
    let ready = Arc::new(ready(policy.hash(), policy.description()).context);
    let threads = usize::try_from(Limits::CONCURRENT).unwrap();
    let held = Arc::new(Held(Barrier::new(threads + 1)));
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (policy, ready, held) =
                (Arc::clone(&policy), Arc::clone(&ready), Arc::clone(&held));
            std::thread::spawn(move || {
                policy
                    .run(&ready, held, Limits::FUEL)
                    .map(|ran| ran.determined)
            })
        })
        .collect();
    held.0.wait();
    let one_more = policy.run(&ready, Arc::new(super::rig::Empty), Limits::FUEL);
    assert!(matches!(one_more.err(), Some(HostFault::Busy)));
    held.0.wait();
    for worker in workers {
        let determined = worker.join().unwrap().unwrap();
        assert_eq!(
            determined,
            Err(ContractFault::BadQuestion { what: "table" })
        );
    }
    assert!(
        policy
            .run(&ready, Arc::new(super::rig::Empty), Limits::FUEL)
            .is_ok()
    );
}

/// Answers that are not one a question are the host's fault, not the policy's.
struct Short;

impl Answers for Short {
    fn lookup(&self, _: u16, _: &[TableKey]) -> Option<Vec<TableRow>> {
        Some(vec![])
    }
    fn query(&self, _: &[Question]) -> Vec<i64> {
        vec![]
    }
}

#[test]
fn a_host_that_answers_short() {
    for call in [
        "(call $lookup (i32.const 0) (i32.const 131072) (i32.const 1) (i32.const 0))",
        "(call $query (i32.const 131072) (i32.const 1) (i32.const 0))",
    ] {
        let policy = loaded(&Guest::doing(call), Backend::Cranelift);
        let ready = ready(policy.hash(), policy.description());
        let ran = policy.run(&ready.context, Arc::new(Short), Limits::FUEL);
        assert!(matches!(ran.err(), Some(HostFault::Machine(_))));
    }
}

#[test]
fn a_policy_of_another_interface() {
    for (from, to) in [
        ("-> determination;", "-> description;"),
        (
            "enum sex { unknown, female, male, other }",
            "enum sex { female, unknown, male, other }",
        ),
        (
            "record finding { pattern: u16,",
            "record finding { motif: u16,",
        ),
        (
            "lookup: func(table: u16, keys: list<key>)",
            "lookup: func(table: u32, keys: list<key>)",
        ),
    ] {
        let mut guest = Guest::new();
        guest.wit = WIT.replace(from, to);
        assert_ne!(guest.wit, WIT, "{from}");
        let proven = prove(guest.build()).unwrap();
        for backend in BACKENDS {
            let refused = sandbox(backend).load(&proven).err();
            assert!(
                matches!(refused, Some(LoadError::Refused(Refused::Interface { .. }))),
                "{to}: {refused:?}"
            );
        }
    }
}

/// Only what this node sealed, for this policy and this configuration, loads.
#[test]
fn artefacts_are_authentic() {
    let proven = prove(Guest::new().build()).unwrap();
    let key = [3; 32];
    let sealed = BACKENDS.map(|backend| {
        let policy = sandbox(backend)
            .load(&proven)
            .unwrap_or_else(|e| panic!("{e}"));
        policy.artefact(&key).unwrap()
    });
    for (backend, sealed) in BACKENDS.into_iter().zip(&sealed) {
        let sandbox = sandbox(backend);
        let loads = |hash, sealed: &[u8], key| {
            sandbox
                .load_artefact(hash, sealed, key)
                .unwrap_or_else(|e| panic!("{e}"))
                .is_some()
        };
        assert!(loads(proven.hash(), sealed, &key));
        assert!(!loads(proven.hash(), sealed, &[4; 32]), "another key");
        assert!(!loads([9; 32], sealed, &key), "another policy");
        assert!(!loads(proven.hash(), &[], &key));
        assert!(!loads(proven.hash(), &sealed[..32], &key));
        assert!(!loads(proven.hash(), &sealed[..sealed.len() - 1], &key));
        let step = sealed.len() / 500 + 1;
        for at in (0..64).chain((64..sealed.len()).step_by(step)) {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(!loads(proven.hash(), &damaged, &key), "byte {at}");
        }
        // A second sandbox of this program takes it, and runs the same.
        let again = Sandbox::new(backend).unwrap();
        let policy = again
            .load_artefact(proven.hash(), sealed, &key)
            .unwrap_or_else(|e| panic!("{e}"))
            .unwrap();
        let fuel = run(&policy, Limits::FUEL).unwrap().fuel;
        let direct = loaded(&Guest::new(), backend);
        assert_eq!(fuel, run(&direct, Limits::FUEL).unwrap().fuel);
        let times = 200;
        let began = std::time::Instant::now();
        for _ in 0..times {
            assert!(loads(proven.hash(), sealed, &key));
        }
        eprintln!(
            "an artefact of {} bytes loads in {:?} on {}",
            sealed.len(),
            began.elapsed() / times,
            backend.as_str()
        );
    }
    let [native, portable] = BACKENDS;
    assert!(
        sandbox(native)
            .load_artefact(proven.hash(), &sealed[1], &key)
            .unwrap_or_else(|e| panic!("{e}"))
            .is_none()
    );
    assert!(
        sandbox(portable)
            .load_artefact(proven.hash(), &sealed[0], &key)
            .unwrap_or_else(|e| panic!("{e}"))
            .is_none()
    );
}
