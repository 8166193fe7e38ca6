//! The SDK's bindings are those of the interface.

use std::path::Path;

use wit_bindgen_core::{Files, WorldGenerator, wit_parser};

/// Makes the bindings anew. With `TALLY_BLESS=1` they are written.
#[test]
fn the_bindings_are_of_the_interface() {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_path(sdk.join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("policy")).unwrap();
    let options = wit_bindgen_rust::Opts {
        pub_export_macro: true,
        export_macro_name: Some("export_abi".into()),
        default_bindings_module: Some("::tally_sdk::abi::generated".into()),
        runtime_path: Some("::tally_sdk::abi::runtime".into()),
        // A policy has no constructors to run.
        disable_run_ctors_once_workaround: true,
        format: true,
        ..Default::default()
    };
    let mut files = Files::default();
    let mut generator = options.build();
    generator.generate(&mut resolve, world, &mut files).unwrap();
    let (_, made) = files.iter().next().unwrap();
    let path = sdk.join("sdk/src/abi/generated.rs");
    if std::env::var_os("TALLY_BLESS").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read(&path).unwrap();
    assert!(
        kept == made,
        "sdk/src/abi/generated.rs is not of the interface: run this test with TALLY_BLESS=1"
    );
}
