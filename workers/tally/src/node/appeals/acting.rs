//! The act that an appeal is put right by: which it is, and how far it has come. An act
//! that was given up after host faults is none, and is taken in again under the next
//! token when that is asked for.

use anyhow::Result;
use tally_core::adjudication::Act;
use tally_core::appeal::{Appeal, AppealId, Overturning};
use tally_core::claim::ClaimId;
use tally_store::port::{ClaimRow, Reading as _};

use crate::node::Node;

/// The act that an appeal is put right by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutRight {
    /// The act: the last that was taken in, or the one that is to be.
    pub act: ClaimId,
    /// How far it has come.
    pub stand: ActStand,
    /// How many were given up before it.
    pub(super) number: u32,
}

/// How far an act has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActStand {
    /// It was decided on, and was not taken in yet.
    Missing,
    /// It waits.
    Waits,
    /// It is done.
    Done,
    /// It was given up.
    GivenUp,
}

impl Node {
    /// The act that an appeal is put right by; none while it is not, or is upheld.
    pub(super) async fn put_right(
        &self,
        id: AppealId,
        appeal: &Appeal,
    ) -> Result<Option<PutRight>> {
        let overturning = appeal.decided().and_then(|(_, of)| of.overturning.as_ref());
        let Some(overturning) = overturning else {
            return Ok(None);
        };
        let mut found = PutRight {
            act: overturning.id,
            stand: self.stand_of(overturning.id).await?,
            number: 0,
        };
        while found.stand == ActStand::GivenUp {
            let number = found.number.saturating_add(1);
            let act = self.act_id(self.act_token(&name(id, number)));
            match self.stand_of(act).await? {
                ActStand::Missing => break,
                stand => found = PutRight { act, stand, number },
            }
        }
        Ok(Some(found))
    }

    async fn stand_of(&self, act: ClaimId) -> Result<ActStand> {
        let Some(row) = self.store.claim(act).await? else {
            return Ok(ActStand::Missing);
        };
        let is_done = row.act.is_some_and(|act| act.done.is_some());
        Ok(match is_done {
            true => ActStand::Done,
            false if row.discarded => ActStand::GivenUp,
            false => ActStand::Waits,
        })
    }

    /// Takes in the act that an appeal was decided by, once. `number` is how many of it
    /// were given up before.
    pub(super) async fn overturn(
        &self,
        row: &ClaimRow,
        id: AppealId,
        number: u32,
        act: &Act,
    ) -> Result<ClaimId> {
        let token = self.act_token(&name(id, number));
        let acts = self.do_act_as(token, row.unit, row, act).await?;
        let by = self.act_id(token);
        anyhow::ensure!(acts == [by], "the act is another than was decided on");
        Ok(by)
    }

    /// The act of an appeal that was decided and is not put right by it: it was not taken
    /// in, or was given up. With it, how many were given up.
    pub(super) async fn left_to_do<'a>(
        &self,
        id: AppealId,
        appeal: &'a Appeal,
    ) -> Result<Option<(u32, &'a Act)>> {
        let overturning = appeal.decided().and_then(|(_, of)| of.overturning.as_ref());
        let Some(Overturning { act: Some(act), .. }) = overturning else {
            return Ok(None);
        };
        let put_right = self.put_right(id, appeal).await?;
        Ok(put_right.and_then(|of| match of.stand {
            ActStand::Missing => Some((of.number, act)),
            ActStand::GivenUp => Some((of.number.saturating_add(1), act)),
            ActStand::Waits | ActStand::Done => None,
        }))
    }
}

/// The name of the act that an appeal is decided by, when so many were given up.
pub(super) fn name(id: AppealId, number: u32) -> String {
    match number {
        0 => format!("appeal/{id}"),
        number => format!("appeal/{id}/{number}"),
    }
}
