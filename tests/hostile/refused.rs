//! Refused before anything is compiled, each by its number.

use tally_sandbox::{Limits, Refused, prove};

use super::guest::{Guest, WIT, wrap};

fn refusal(bytes: Vec<u8>) -> Refused {
    match prove(bytes) {
        Ok(_) => panic!("it passed"),
        Err(refused) => refused,
    }
}

fn component(text: &str) -> Refused {
    refusal(wat::parse_str(text).expect("the component's text"))
}

/// A guest refused for the fields it has beside the usual ones.
fn with(more: &str) -> Refused {
    refusal(Guest::new().with(more).build())
}

#[test]
fn a_sound_guest_passes() {
    let guest = Guest::new();
    let proven = prove(guest.build()).unwrap();
    assert_eq!(proven.indirect_cycles(), 0);
    assert_eq!(proven.hash(), prove(guest.build()).unwrap().hash());
}

#[test]
fn what_is_no_component() {
    assert_eq!(refusal(vec![]), Refused::NotWasm);
    assert_eq!(
        refusal(b"\x7fELF junk of another kind".to_vec()),
        Refused::NotWasm
    );
    assert_eq!(refusal(b"\0asm\x01\0\0\0".to_vec()), Refused::CoreModule);
    let module = wat::parse_str(Guest::new().text()).unwrap();
    assert_eq!(refusal(module), Refused::CoreModule);
    let large = vec![0; Limits::COMPONENT_BYTES + 1];
    let (bytes, limit) = (large.len(), Limits::COMPONENT_BYTES);
    assert_eq!(refusal(large), Refused::TooLarge { bytes, limit });
}

/// Wherever it is cut, and whatever byte of it is changed, a component is
/// refused or another component: nothing panics.
#[test]
fn truncated_and_damaged() {
    let sound = Guest::new().build();
    let whole = prove(sound.clone()).unwrap().hash();
    let passed: Vec<usize> = (0..sound.len())
        .filter(|end| {
            prove(sound[..*end].to_vec()).is_ok_and(|proven| {
                assert_ne!(proven.hash(), whole);
                true
            })
        })
        .collect();
    // Cut between the custom sections it ends with, which mean nothing.
    assert!(passed.len() <= 3, "{passed:?} of {}", sound.len());
    for at in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[at] ^= 1 << (at % 8);
        let _ = prove(damaged);
    }
    let mut trailing = sound;
    trailing.extend_from_slice(b"trailing");
    assert!(matches!(refusal(trailing), Refused::Invalid { .. }));
}

#[test]
fn imports() {
    for (text, name) in [
        (
            r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance
                (export "now" (func (result u64))))))"#,
            "wasi:clocks/wall-clock@0.2.0",
        ),
        (
            r#"(component (import "wasi:random/random@0.2.0" (instance)))"#,
            "wasi:random/random@0.2.0",
        ),
        (
            r#"(component (import "tallystick:policy/reference@1.0.1" (instance)))"#,
            "tallystick:policy/reference@1.0.1",
        ),
        (r#"(component (import "lookup" (func)))"#, "lookup"),
        (
            r#"(component (import "tallystick:policy/reference@2.0.0" (instance
                (export "lookup" (func)) (export "write" (func)))))"#,
            "tallystick:policy/reference@2.0.0#write",
        ),
        (
            r#"(component (import "tallystick:policy/history@2.0.0" (instance
                (export "inner" (instance)))))"#,
            "tallystick:policy/history@2.0.0#inner",
        ),
        (
            r#"(component (import "tallystick:policy/history@2.0.0" (func)))"#,
            "tallystick:policy/history@2.0.0",
        ),
        (r#"(component (import "m" (core module)))"#, "m"),
        (r#"(component (import "c" (component)))"#, "c"),
    ] {
        let name = name.to_owned();
        assert_eq!(component(text), Refused::Import { name }, "{text}");
    }
}

/// A type is not callable, so a world's own types may be imported.
#[test]
fn types_may_be_imported() {
    let text = r#"(component (type $u u32) (import "t" (type (eq $u))))"#;
    assert_eq!(component(text), Refused::Missing { name: "describe" });
}

#[test]
fn exports() {
    let extra = WIT.replace(
        "export describe",
        "export extra: func();\n  export describe",
    );
    let module = Guest::new().with(r#"(func (export "extra"))"#).text();
    let module = wat::parse_str(module).unwrap();
    let name = "extra".to_owned();
    assert_eq!(refusal(wrap(module, &extra)), Refused::Export { name });

    let missing = WIT.replace(
        "export adjudicate: func(claim: context) -> determination;",
        "",
    );
    let mut guest = Guest::new();
    guest.wit = missing;
    let text = guest.text().replace(r#"(export "adjudicate")"#, "");
    let bytes = wrap(wat::parse_str(text).unwrap(), &guest.wit);
    assert_eq!(refusal(bytes), Refused::Missing { name: "adjudicate" });

    for text in [
        r#"(component (core module $m) (export "describe" (core module $m)))"#,
        r#"(component (instance $i) (export "describe" (instance $i)))"#,
    ] {
        let name = "describe".to_owned();
        assert_eq!(component(text), Refused::Export { name }, "{text}");
    }
}

/// An export of the right name and the wrong type passes the proof, and is
/// refused when it is linked: see `slots`.
#[test]
fn floats_of_each_kind() {
    for more in [
        "(func (drop (f32.const 1)))",
        "(func (drop (f64.const nan)))",
        "(func (local f32))",
        "(func (local f64))",
        "(func (param f32))",
        "(func (param f64))",
        "(func (result f64) unreachable)",
        "(type (func (param f32)))",
        "(global f32 (f32.const 0))",
        "(global f64 (f64.const 0))",
        "(func (drop (f32.load (i32.const 0))))",
        "(func (f64.store (i32.const 0) (f64.reinterpret_i64 (i64.const 0))))",
        "(func (drop (f64.convert_i64_s (i64.const 1))))",
        "(func (drop (i32.trunc_sat_f32_s (f32.const 1))))",
        "(func (drop (block (result f32) unreachable)))",
        "(func (drop (select (result f64) (unreachable) (unreachable) (i32.const 1))))",
    ] {
        let refused = with(more);
        // A typed `select` belongs to another feature that is not allowed.
        let other = more.contains("select") && matches!(refused, Refused::Invalid { .. });
        assert!(refused == Refused::Floats || other, "{more}: {refused}");
    }
}

#[test]
fn features_that_are_not_allowed() {
    for more in [
        "(func (drop (v128.const i64x2 0 0)))",
        "(func (result i32 i32) unreachable)",
        "(func (block (param i32) unreachable))",
        "(func (drop (i32.atomic.load (i32.const 0))))",
        "(func (return_call 2))",
        "(memory 1 1)",
        "(table 1 1 externref)",
        "(tag)",
        "(global i64 (i64.add (i64.const 1) (i64.const 1)))",
        "(type (struct))",
        "(func (drop (ref.null func)))",
        "(func (memory.discard (i32.const 0) (i32.const 0)))",
        "(func (drop (i64.add128 (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))) drop)",
    ] {
        let Ok(module) = wat::parse_str(Guest::new().with(more).text()) else {
            continue;
        };
        // Some the wrapping itself refuses; no such policy can be made then.
        let built = std::panic::catch_unwind(|| wrap(module, WIT));
        if let Ok(bytes) = built {
            let refused = refusal(bytes);
            assert!(
                matches!(refused, Refused::Invalid { .. } | Refused::Floats),
                "{more}: {refused}"
            );
        }
    }
    let memory64 = r#"(component (core module (memory i64 1 1)))"#;
    assert!(matches!(component(memory64), Refused::Invalid { .. }));
}

#[test]
fn what_runs_unasked() {
    assert_eq!(with("(func $s) (start $s)"), Refused::Start);
    let text = r#"(component (core module (func $s) (start $s)))"#;
    assert_eq!(component(text), Refused::Start);
}

#[test]
fn shared_memory() {
    for text in [
        "(component (core module (memory 1 1 shared)))",
        r#"(component (core module (import "" "m" (memory 1 1 shared))))"#,
    ] {
        assert_eq!(component(text), Refused::SharedMemory, "{text}");
    }
}

#[test]
fn nested_components() {
    assert_eq!(component("(component (component))"), Refused::Nested);
    let sound = Guest::new().build();
    let mut nested = b"\0asm\x0d\0\x01\0\x04".to_vec();
    let mut length = sound.len();
    while length > 0 {
        let more = if length > 127 { 0x80 } else { 0 };
        nested.push(u8::try_from(length & 0x7f).unwrap() | more);
        length >>= 7;
    }
    nested.extend(sound);
    assert_eq!(refusal(nested), Refused::Nested);
}

#[test]
fn built_ins_of_the_component_model() {
    let text = r#"(component
        (type $r (resource (rep i32)))
        (core func (canon resource.drop $r)))"#;
    assert!(matches!(component(text), Refused::Invalid { reason } if reason.contains("built-in")));
}

#[test]
fn recursion() {
    let through = |more: &str| match with(more) {
        Refused::Recursion {
            function, through, ..
        } => (function, through),
        other => panic!("{more}: {other}"),
    };
    assert_eq!(through("(func $me (call $me))"), ("`me`".into(), 0));
    assert_eq!(
        through("(func $a (call $b)) (func $b (call $c)) (func $c (call $a))"),
        ("`a`".into(), 2)
    );
    // A call to what the component itself exports.
    assert_eq!(
        through("(func $f (drop (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)))) (func (call $g)) (func $g (call $f) (call $g))").1,
        0
    );
    // A long chain is not a circle.
    let chain: String = (0..2_000)
        .map(|i| format!("(func $c{i} (call $c{}))", i + 1))
        .collect();
    assert!(prove(Guest::new().with(&format!("{chain} (func $c2000)")).build()).is_ok());
}

/// What may only be a circle is counted, not refused.
#[test]
fn recursion_through_a_table() {
    let circle = "(type $t (func)) (type $same (func)) (type $other (func (param i32)))
        (table 4 4 funcref) (elem (i32.const 0) $f $g $h)
        (func $f (type $t) (call_indirect (type $same) (i32.const 1)))
        (func $g (type $t) (call $f))
        (func $h (type $other) (local.get 0) (call_indirect (type $t)))";
    let proven = prove(Guest::new().with(circle).build()).unwrap();
    assert_eq!(
        proven.indirect_cycles(),
        2,
        "f and g; h is called by nobody"
    );
    let none = "(type $t (func)) (table 1 1 funcref) (elem (i32.const 0) $f) (func $f)
        (func (call_indirect (type $t) (i32.const 0)))";
    let proven = prove(Guest::new().with(none).build()).unwrap();
    assert_eq!(proven.indirect_cycles(), 0);
}

#[test]
fn without_bounds() {
    let memory = |text: &str| {
        let mut guest = Guest::new();
        guest.memory = text.into();
        prove(guest.build()).err()
    };
    let unbounded = Refused::Unbounded {
        what: "the memory (bytes)",
        limit: Limits::MEMORY_BYTES,
    };
    assert_eq!(memory("3 64"), None);
    assert_eq!(memory("3"), Some(unbounded.clone()));
    assert_eq!(memory("3 65"), Some(unbounded.clone()));
    assert_eq!(memory("65 65"), Some(unbounded));
    let table = Refused::Unbounded {
        what: "a table (elements)",
        limit: Limits::TABLE_ELEMENTS,
    };
    assert_eq!(with("(table 1 funcref)"), table);
    assert_eq!(with("(table 1001 1001 funcref)"), table);
}

#[test]
fn too_many() {
    let functions = "(func)".repeat(Limits::FUNCTIONS);
    assert!(matches!(
        with(&functions),
        Refused::TooMany {
            what: "functions",
            ..
        }
    ));
    let code = "(func (drop (i64.const -1234567890123)))".repeat(9_000);
    assert!(prove(Guest::new().with(&code).build()).is_ok());
    let long = "(drop (i64.const -1234567890123))";
    let code = format!("(func {})", long.repeat(15_000)).repeat(9);
    assert!(matches!(
        with(&code),
        Refused::TooMany {
            what: "bytes of code",
            ..
        }
    ));
    assert!(matches!(
        with(&format!("(func {})", long.repeat(17_000))),
        Refused::TooMany {
            what: "bytes of one function",
            ..
        }
    ));
    // What a compiler keeps for each local grows with the loops around it.
    let nested = |locals: usize, loops: usize| {
        let locals = format!("(local{})", " i64".repeat(locals));
        let set: String = (0..9)
            .map(|i| format!("(local.set {i} (i64.const 1))"))
            .collect();
        let begin = "(loop ".repeat(loops);
        format!("(func {locals} {begin}{set}{})", ")".repeat(loops))
    };
    assert!(prove(Guest::new().with(&nested(3_000, 32)).build()).is_ok());
    let what_of = |more: &str| match with(more) {
        Refused::TooMany { what, .. } => what,
        other => panic!("{other}"),
    };
    assert_eq!(what_of(&nested(3_100, 32)), "locals, for each loop");
    assert_eq!(
        what_of(&nested(2_000, 24).repeat(2)),
        "locals, for each loop"
    );
    assert_eq!(what_of(&nested(10, 33)), "loops in loops");
    let apart = "(loop (local.set 0 (i64.const 1)))".repeat(200);
    let apart = format!("(func (local i64) {apart})");
    assert!(prove(Guest::new().with(&apart).build()).is_ok());
    let modules = format!("(component {})", "(core module)".repeat(5));
    // The interface is looked at first.
    assert_eq!(component(&modules), Refused::Missing { name: "describe" });
}

/// One module may be instantiated many times, each with a memory of its own:
/// instances are counted, and memories, in all.
#[test]
fn many_instances_of_one_module() {
    let append = |bytes: &mut Vec<u8>, section: &dyn Section| section.append(bytes);
    let module = |memory: bool| {
        let mut module = wasm_encoder::Module::new();
        if memory {
            let mut memories = wasm_encoder::MemorySection::new();
            memories.memory(wasm_encoder::MemoryType {
                minimum: 1,
                maximum: Some(1),
                memory64: false,
                shared: false,
                page_size_log2: None,
            });
            module.section(&memories);
        }
        module
    };
    // The policy's own module and the two that carry its imports are there.
    let mut again = Guest::new().build();
    append(&mut again, &wasm_encoder::ModuleSection(&module(false)));
    let mut instances = wasm_encoder::InstanceSection::new();
    for _ in 0..2 {
        instances.instantiate(3, std::iter::empty::<(&str, wasm_encoder::ModuleArg)>());
    }
    append(&mut again, &instances);
    assert!(matches!(
        refusal(again),
        Refused::TooMany {
            what: "instances of modules",
            found: 5,
            ..
        }
    ));
    let mut memories = Guest::new().build();
    append(&mut memories, &wasm_encoder::ModuleSection(&module(true)));
    assert!(matches!(
        refusal(memories),
        Refused::TooMany {
            what: "memories",
            found: 2,
            ..
        }
    ));
    let mut modules = Guest::new().build();
    for _ in 0..2 {
        append(&mut modules, &wasm_encoder::ModuleSection(&module(false)));
    }
    assert!(matches!(
        refusal(modules),
        Refused::TooMany {
            what: "modules",
            found: 5,
            ..
        }
    ));
}

/// A section of a component, whatever its kind.
trait Section {
    fn append(&self, component: &mut Vec<u8>);
}

impl<T: wasm_encoder::ComponentSection> Section for T {
    fn append(&self, component: &mut Vec<u8>) {
        self.append_to_component(component);
    }
}

/// A proof takes time in proportion to the component, whatever is in it: here
/// every function calls through a table that lists every function.
#[test]
fn a_proof_is_quick() {
    let n = 9_000;
    let functions: String = (0..n)
        .map(|i| format!("(func $x{i} (type $t) (call_indirect (type $t) (i32.const 0)))"))
        .collect();
    let listed: String = (0..n).map(|i| format!(" $x{i}")).collect();
    let more = format!("(type $t (func)) (table 1 1 funcref) {functions} (elem func{listed})");
    let bytes = Guest::new().with(&more).build();
    let began = std::time::Instant::now();
    let proven = prove(bytes).unwrap();
    assert_eq!(proven.indirect_cycles(), n);
    let took = began.elapsed();
    eprintln!("proved {n} functions in {took:?}");
    assert!(took.as_secs() < 5, "{took:?}");
}
