//! The two calls out of the sandbox: charged, bounded and recorded.

use tally_core::adjudication::{ContractFault, Exchange};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Linker};

use crate::Limits;
use crate::bindings::{self, Key, Meaningless, Question, Row};
use crate::faults::{Failed, Raised};
use crate::state::State;

fn raise(fault: ContractFault) -> wasmtime::Error {
    wasmtime::Error::from(Raised(fault))
}

/// Bytes of a key, row, question and answer as the interface lays them out in
/// a policy's memory: fuel is charged by these, the same on every host.
const KEY_BYTES: u64 = 40;
const ROW_BYTES: u64 = 40;
const QUESTION_BYTES: u64 = 88;
const ANSWER_BYTES: u64 = 8;

const _: () = {
    assert!(Key::SIZE32 as u64 == KEY_BYTES);
    assert!(Row::SIZE32 as u64 == ROW_BYTES);
    assert!(Question::SIZE32 as u64 == QUESTION_BYTES);
};

/// Gives a policy its two imports.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker
        .instance("tallystick:policy/reference@2.0.0")?
        .func_wrap(
            "lookup",
            |mut store: StoreContextMut<'_, State>, (table, keys): (u16, Vec<Key>)| {
                charge(&mut store, keys.len() as u64 * (KEY_BYTES + ROW_BYTES))?;
                let keys = keys
                    .into_iter()
                    .map(bindings::key_in)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(meaningless)?;
                let rows = store
                    .data()
                    .answers
                    .as_ref()
                    .and_then(|answers| answers.lookup(table, &keys))
                    .ok_or_else(|| meaningless(Meaningless("table")))?;
                answered(keys.len(), rows.len())?;
                let out: Vec<Row> = rows.iter().map(bindings::row_out).collect();
                store
                    .data_mut()
                    .transcript
                    .push(Exchange::Lookup { table, keys, rows });
                Ok((out,))
            },
        )?;
    linker
        .instance("tallystick:policy/history@2.0.0")?
        .func_wrap(
            "query",
            |mut store: StoreContextMut<'_, State>, (questions,): (Vec<Question>,)| {
                charge(
                    &mut store,
                    questions.len() as u64 * (QUESTION_BYTES + ANSWER_BYTES),
                )?;
                let questions = questions
                    .into_iter()
                    .map(bindings::question_in)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(meaningless)?;
                let answers = store
                    .data()
                    .answers
                    .as_ref()
                    .map(|answers| answers.query(&questions))
                    .ok_or_else(|| meaningless(Meaningless("history")))?;
                answered(questions.len(), answers.len())?;
                store.data_mut().transcript.push(Exchange::Query {
                    questions,
                    answers: answers.clone(),
                });
                Ok((answers,))
            },
        )?;
    Ok(())
}

/// The host owes one answer a question.
fn answered(asked: usize, answers: usize) -> wasmtime::Result<()> {
    if asked != answers {
        let text = format!("{answers} answers to {asked} questions");
        return Err(wasmtime::Error::from(Failed(text)));
    }
    Ok(())
}

fn meaningless(Meaningless(what): Meaningless) -> wasmtime::Error {
    raise(ContractFault::BadQuestion { what })
}

/// Charges fuel for a call out of the sandbox, and bounds what all of them
/// move together.
fn charge(store: &mut StoreContextMut<'_, State>, bytes: u64) -> wasmtime::Result<()> {
    let moved = store.data().moved.saturating_add(bytes);
    if moved > Limits::ASKED_BYTES {
        return Err(raise(ContractFault::TooMuchData {
            limit: Limits::ASKED_BYTES,
        }));
    }
    store.data_mut().moved = moved;
    let cost = Limits::CALL_FUEL.saturating_add(bytes.saturating_mul(Limits::BYTE_FUEL));
    match store.get_fuel()?.checked_sub(cost) {
        Some(left) => store.set_fuel(left),
        None => Err(raise(ContractFault::OutOfFuel { limit: 0 })),
    }
}
