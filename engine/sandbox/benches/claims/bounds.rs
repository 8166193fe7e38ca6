//! What the bounds cost: the same calls in an engine with fuel, limits of
//! memory and of what is handed over, and in one without them. Isolation (a
//! fresh instance for every claim) is in both.

use std::sync::Arc;

use tally_core::adjudication::{Answers, Context};
use tally_sandbox::Limits;
use wasmtime::component::{Component, Linker};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Store,
    StoreContextMut, StoreLimits, StoreLimitsBuilder,
};

use crate::bindings::generated::PolicyPre;
use crate::bindings::{self, Key, Question, Row};
use crate::guest::Guest;
use crate::meter;
use crate::world::World;

struct State {
    answers: Arc<dyn Answers>,
    limits: StoreLimits,
    bounded: bool,
}

struct Host {
    engine: Engine,
    pre: PolicyPre<State>,
    bounded: bool,
}

impl Host {
    fn new(component: &[u8], bounded: bool) -> Self {
        let mut config = Config::new();
        config
            .cranelift_opt_level(OptLevel::Speed)
            .cranelift_nan_canonicalization(true)
            .consume_fuel(bounded)
            .wasm_relaxed_simd(false)
            .wasm_simd(false)
            .shared_memory(false)
            .concurrency_support(false)
            .wasm_backtrace_max_frames(None)
            .memory_init_cow(true)
            .max_wasm_stack(Limits::STACK_BYTES);
        let slot = usize::try_from(Limits::MEMORY_BYTES).unwrap();
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(8)
            .total_core_instances(32)
            .total_memories(8)
            .total_tables(32)
            .max_memory_size(slot)
            .linear_memory_keep_resident(slot)
            .table_keep_resident(slot);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).unwrap();
        let mut linker = Linker::new(&engine);
        link(&mut linker);
        let component = Component::from_binary(&engine, component).unwrap();
        let pre = PolicyPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        Self {
            engine,
            pre,
            bounded,
        }
    }

    fn run(&self, context: &Context, answers: &Arc<dyn Answers>) {
        let state = State {
            answers: Arc::clone(answers),
            limits: StoreLimitsBuilder::new()
                .memory_size(usize::try_from(Limits::MEMORY_BYTES).unwrap())
                .build(),
            bounded: self.bounded,
        };
        let mut store = Store::new(&self.engine, state);
        if self.bounded {
            store.limiter(|state| &mut state.limits);
            store.set_hostcall_fuel(Limits::ANSWER_BYTES);
            store.set_fuel(Limits::FUEL).unwrap();
        }
        let policy = self.pre.instantiate(&mut store).unwrap();
        if self.bounded {
            store.set_fuel(Limits::FUEL).unwrap();
        }
        let context = bindings::context_out(context);
        let said = policy.call_adjudicate(&mut store, &context).unwrap();
        assert!(bindings::determination_in(said).is_ok());
    }
}

fn charge(store: &mut StoreContextMut<'_, State>, bytes: usize) {
    if store.data().bounded {
        let cost = Limits::CALL_FUEL + bytes as u64 * Limits::BYTE_FUEL;
        let left = store.get_fuel().unwrap().checked_sub(cost).unwrap();
        store.set_fuel(left).unwrap();
    }
}

fn link(linker: &mut Linker<State>) {
    let mut reference = linker
        .instance("tallystick:policy/reference@2.0.0")
        .unwrap();
    reference
        .func_wrap(
            "lookup",
            |mut store: StoreContextMut<'_, State>, (table, keys): (u16, Vec<Key>)| {
                charge(&mut store, keys.len() * 80);
                let keys: Vec<_> = keys
                    .into_iter()
                    .filter_map(|k| bindings::key_in(k).ok())
                    .collect();
                let rows = store.data().answers.lookup(table, &keys).unwrap();
                Ok((rows.iter().map(bindings::row_out).collect::<Vec<Row>>(),))
            },
        )
        .unwrap();
    let mut history = linker.instance("tallystick:policy/history@2.0.0").unwrap();
    history
        .func_wrap(
            "query",
            |mut store: StoreContextMut<'_, State>, (questions,): (Vec<Question>,)| {
                charge(&mut store, questions.len() * 96);
                let questions: Vec<_> = questions
                    .into_iter()
                    .filter_map(|question| bindings::question_in(question).ok())
                    .collect();
                Ok((store.data().answers.query(&questions),))
            },
        )
        .unwrap();
}

/// A policy that computes for a while: the primes below 60,000, by a sieve.
fn computing() -> Vec<u8> {
    Guest::doing("(call $sieve)")
        .with(
            "(func $sieve (local $i i32) (local $j i32)
                (local.set $i (i32.const 2))
                (loop $next
                    (if (i32.eqz (i32.load8_u offset=131072 (local.get $i))) (then
                        (local.set $j (i32.shl (local.get $i) (i32.const 1)))
                        (loop $strike
                            (if (i32.lt_u (local.get $j) (i32.const 60000)) (then
                                (i32.store8 offset=131072 (local.get $j) (i32.const 1))
                                (local.set $j (i32.add (local.get $j) (local.get $i)))
                                (br $strike))))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $next (i32.lt_u (local.get $i) (i32.const 60000)))))",
        )
        .build()
}

pub fn report(world: &World) {
    println!("what the bounds cost (fuel, limits of memory and of what is handed over)");
    let computing = computing();
    for (name, component, lines) in [
        ("five lines, fresh instance", world.proven.bytes(), 5),
        ("twenty lines, fresh instance", world.proven.bytes(), 20),
        ("computing alone", &computing, 2),
    ] {
        let (with, without) = (Host::new(component, true), Host::new(component, false));
        let context = world.context(lines);
        let [with, without] =
            meter::compare([&mut || with.run(&context, &world.answers), &mut || {
                without.run(&context, &world.answers)
            }]);
        println!(
            "  {name:30} with {:>9.0} ns, without {:>9.0} ns: {:+.1} %",
            with * 1e9,
            without * 1e9,
            (with / without - 1.0) * 100.0
        );
    }
}
