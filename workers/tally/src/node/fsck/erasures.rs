//! Erasures, checked: what the log says was erased has no keys. What has some is closed again.

use anyhow::Result;

use super::{Fscked, MOMENT};
use crate::node::Node;

impl Node {
    /// Every claim that the log says was erased. A key that is there again came from a
    /// backup, and is destroyed again.
    pub(super) async fn check_erasures(&self, found: &mut Fscked) -> Result<()> {
        let reopened = self.reopened().await?;
        if reopened.is_empty() {
            return Ok(());
        }
        // It is entered before the keys are destroyed: some may be just about to be.
        tokio::time::sleep(MOMENT).await;
        for of in reopened {
            if let Some(still) = self.reopened_of(of.claim, of.ground).await? {
                let closed = self.close_again(&still).await;
                found.fault(format!("claim {}", still.claim), still.what(&closed));
            }
        }
        Ok(())
    }
}
