//! Builds a policy and runs its worked cases: `cargo run -p tally-testing
//! --example run_cases -- FOLDER`.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("say which folder")?;
    let target = std::env::temp_dir().join("tally-run-cases");
    let built = tally_policy_build::build(&folder, &target)?;
    println!("{} bytes", built.component.len());
    let sandboxes = tally_testing::Sandboxes::new()?;
    let policy = tally_testing::load_policy(built.component, &sandboxes)?;
    let report = tally_testing::run_cases(&folder, &policy)?;
    println!("{report}");
    if !report.passed() {
        std::process::exit(1);
    }
    Ok(())
}
