//! Runs of the models, as the nodes would have told them.

use serde_json::{Value, json};
use stateright::Model;
use tally_model::trace::Trace;

use super::common::Log;
use super::epochs::{self, Change};
use super::quorum::{self, Act, Quorum};

fn name(id: &u8) -> String {
    format!("n{id}")
}

/// A line about a log. A block holds one envelope with one entry, so it has two leaves.
fn of_log(id: &u8, event: &str, log: Log, more: &Value) -> String {
    let mut line = json!({
        "node": name(id), "event": event, "size": log.size * 2, "root": format!("{log:?}"),
    });
    if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
        line.extend(more.clone());
    }
    line.to_string()
}

fn of_epoch(id: &u8, epoch: u64, authorities: &[String]) -> String {
    let event = json!({
        "node": name(id), "event": "epoch", "epoch": epoch, "authorities": authorities,
    });
    event.to_string()
}

/// What nodes say of a step; `state` is after it.
fn of_step(step: &Act, state: &quorum::State) -> Vec<String> {
    let plain = |id, mut event: Value| {
        event["node"] = json!(name(id));
        event.to_string()
    };
    match step {
        Act::Commit(id, height, log) => {
            let envelope = json!({
                "event": "relayed", "organisation": "o", "first": height - 1, "count": 1,
            });
            let block = json!({"height": height, "epoch": 0});
            vec![plain(id, envelope), of_log(id, "committed", *log, &block)]
        }
        Act::Acknowledge(id, height) => {
            vec![plain(
                id,
                json!({"event": "acknowledged", "height": height}),
            )]
        }
        Act::Sign(id, log) => vec![of_log(id, "signed", *log, &json!({"epoch": 0}))],
        Act::Lose(..) => Vec::new(),
        Act::Collect(signer, log) => {
            vec![of_log(
                &0,
                "collected",
                *log,
                &json!({"signer": name(signer)}),
            )]
        }
        Act::Kill(id) => vec![plain(id, json!({"event": "killed"}))],
        Act::Start(id) => {
            let height = state.nodes[usize::from(*id)].store.height();
            let event = json!({"event": "started", "journal": name(id), "height": height});
            vec![plain(id, event)]
        }
    }
}

/// What the nodes that keep the rules, or think so, would have said in a run of the model.
pub fn quorum(model: &Quorum, steps: &[Act]) -> Vec<String> {
    let mut lines = Vec::new();
    let authorities: Vec<_> = model.authorities().iter().map(name).collect();
    for id in 0..model.honest() {
        let node = name(&id);
        lines.push(json!({"node": node, "event": "started", "journal": node}).to_string());
        lines.push(of_epoch(&id, 0, &authorities));
    }
    let mut state = model.init_states().remove(0);
    for step in steps {
        let next = model.next_state(&state, step.clone());
        let before = std::mem::replace(&mut state, next.expect("a step of the run"));
        lines.extend(of_step(step, &state));
        for (log, signers) in &state.public {
            if !before.public.contains_key(log) {
                let signers: Vec<_> = signers.iter().map(name).collect();
                let more = json!({"epoch": 0, "signers": signers});
                lines.push(of_log(&0, "published", *log, &more));
            }
        }
    }
    lines
}

/// The same for a change of epochs. What the reader accepts is what node 2, who is of both
/// sets, collects and publishes; it does not believe keys in other hands.
pub fn epochs(model: &Change, steps: &[epochs::Act]) -> Vec<String> {
    let sets = [0, 1].map(|epoch| epochs::set(epoch).iter().map(name).collect::<Vec<_>>());
    let mut lines = Vec::new();
    for id in epochs::HONEST {
        let node = name(&id);
        lines.push(json!({"node": node, "event": "started", "journal": node}).to_string());
        lines.push(of_epoch(&id, 0, &sets[0]));
    }
    let mut state = model.init_states().remove(0);
    for step in steps {
        match step {
            epochs::Act::Commit(id) => {
                let place = epochs::HONEST.iter().position(|honest| honest == id);
                let node = &state.nodes[place.expect("an honest node")];
                let height = node.store.height() + 1;
                let block = model.block(height);
                let envelope = json!({
                    "node": name(id), "event": "relayed",
                    "organisation": "o", "first": height - 1, "count": 1,
                });
                lines.push(envelope.to_string());
                let more = json!({"height": height, "epoch": block.epoch});
                lines.push(of_log(id, "committed", block.root, &more));
                if height == u64::from(epochs::BOUNDARY) {
                    lines.push(of_epoch(id, 1, &sets[1]));
                }
            }
            epochs::Act::Sign(id, statement) => {
                let more = json!({"epoch": statement.epoch});
                lines.push(of_log(id, "signed", statement.root, &more));
            }
            epochs::Act::Accept(statement) => {
                let signers = model.signers(&state, statement);
                let set = epochs::set(statement.epoch);
                let signers: Vec<_> = signers.intersection(&set).map(name).collect();
                for signer in &signers {
                    let more = json!({"signer": signer});
                    lines.push(of_log(&2, "collected", statement.root, &more));
                }
                let more = json!({"epoch": statement.epoch, "signers": signers});
                lines.push(of_log(&2, "published", statement.root, &more));
            }
            epochs::Act::Leak | epochs::Act::Cosign(_) => {}
        }
        let next = model.next_state(&state, step.clone());
        state = next.expect("a step of the run");
    }
    lines
}

/// A run to where nothing more can happen; where it goes is by a seed.
fn run<M>(model: &M, seed: u64, goes: impl Fn(&M::Action) -> bool) -> Vec<M::Action>
where
    M: Model<Action: Clone>,
{
    let mut random = seed;
    let mut state = model.init_states().remove(0);
    let mut steps = Vec::new();
    loop {
        let mut next = model.next_steps(&state);
        next.retain(|(step, _)| goes(step));
        if next.is_empty() {
            return steps;
        }
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let choice = usize::try_from(random >> 33).expect("31 bits") % next.len();
        let (step, after) = next.swap_remove(choice);
        steps.push(step);
        state = after;
    }
}

/// Holds a run's lines against the rules; how many checkpoints it made public.
fn published(lines: &[String]) -> usize {
    let mut trace = Trace::default();
    for line in lines {
        let said = trace.line(line);
        said.unwrap_or_else(|violation| panic!("{violation}\n{}", lines.join("\n")));
    }
    trace.public()
}

#[test]
fn runs_with_a_kill_and_a_loss_pass() {
    let model = Quorum::default();
    for seed in 1..=300 {
        let steps = run(&model, seed, |_| true);
        assert_eq!(published(&quorum(&model, &steps)), 2, "seed {seed}");
    }
}

#[test]
fn runs_over_a_boundary_pass() {
    let model = Change::default();
    for seed in 1..=300 {
        let steps = run(&model, seed, |step| *step != epochs::Act::Leak);
        assert_eq!(published(&epochs(&model, &steps)), 3, "seed {seed}");
    }
}
