//! Units on file that no single question is for: answers added and taken away.

use alloc::vec::Vec;

use tally_sdk::history::{self, Question};

/// A question, and whether its answer is added or taken away.
pub enum Term {
    /// Added.
    Plus(Question),
    /// Taken away.
    Minus(Question),
}

/// One sum for each list of questions, never below zero; all are asked at once.
pub fn sums(lists: &[Vec<Term>]) -> Vec<i64> {
    let question = |term: &Term| match term {
        Term::Plus(question) | Term::Minus(question) => *question,
    };
    let questions: Vec<Question> = lists.iter().flatten().map(question).collect();
    let mut answers = history::query(&questions).into_iter();
    let mut sum = |list: &Vec<Term>| {
        let answered = list.iter().zip(answers.by_ref());
        answered.fold(0, |sum: i64, (term, answer)| match term {
            Term::Plus(_) => sum.saturating_add(answer),
            Term::Minus(_) => sum.saturating_sub(answer),
        })
    };
    lists.iter().map(|list| sum(list).max(0)).collect()
}
