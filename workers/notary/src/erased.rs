//! The machine without its type. The engine is generic over everything; this way
//! it is compiled here, once, and not again in whatever crate has a machine.

use std::any::Any;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::delivery::Finalised;
use crate::machine::{Authority, Header, Judged, Machine, Standing};

/// A state of the one machine that a notary has.
#[derive(Clone)]
pub(crate) struct Opaque(Arc<dyn Any + Send + Sync>);

impl Opaque {
    fn new<S: Send + Sync + 'static>(state: S) -> Self {
        Self(Arc::new(state))
    }

    fn get<S: 'static>(&self) -> &S {
        self.0.downcast_ref().expect("states are of one machine")
    }
}

pub(crate) struct Erased(Box<dyn Plain>);

impl Erased {
    pub fn new<M: Machine>(machine: M) -> Self {
        Self(Box::new(Typed(machine)))
    }

    pub fn standing<S: Send + Sync + 'static>(standing: Standing<S>) -> Standing<Opaque> {
        Standing {
            epoch: standing.epoch,
            height: standing.height,
            digest: standing.digest,
            state: Opaque::new(standing.state),
        }
    }
}

struct Typed<M>(M);

trait Plain: Send + Sync {
    fn genesis(&self) -> Opaque;
    fn propose(&self, parent: &Opaque, header: Header) -> Option<Vec<u8>>;
    fn empty(&self, parent: &Opaque, header: Header) -> Vec<u8>;
    fn judge(&self, parent: &Opaque, header: Header, payload: &[u8]) -> Judged<Opaque>;
    fn next_authorities(&self, state: &Opaque) -> Option<Vec<Authority>>;
}

impl<M: Machine> Plain for Typed<M> {
    fn genesis(&self) -> Opaque {
        Opaque::new(self.0.genesis())
    }

    fn propose(&self, parent: &Opaque, header: Header) -> Option<Vec<u8>> {
        self.0.propose(parent.get(), header)
    }

    fn empty(&self, parent: &Opaque, header: Header) -> Vec<u8> {
        self.0.empty(parent.get(), header)
    }

    fn judge(&self, parent: &Opaque, header: Header, payload: &[u8]) -> Judged<Opaque> {
        match self.0.judge(parent.get(), header, payload) {
            Judged::Holds(state) => Judged::Holds(Opaque::new(state)),
            Judged::Refused(reason) => Judged::Refused(reason),
            Judged::Missing => Judged::Missing,
        }
    }

    fn next_authorities(&self, state: &Opaque) -> Option<Vec<Authority>> {
        self.0.next_authorities(state.get())
    }
}

impl Machine for Erased {
    type State = Opaque;

    fn genesis(&self) -> Opaque {
        self.0.genesis()
    }

    fn propose(&self, parent: &Opaque, header: Header) -> Option<Vec<u8>> {
        self.0.propose(parent, header)
    }

    fn empty(&self, parent: &Opaque, header: Header) -> Vec<u8> {
        self.0.empty(parent, header)
    }

    fn judge(&self, parent: &Opaque, header: Header, payload: &[u8]) -> Judged<Opaque> {
        self.0.judge(parent, header, payload)
    }

    fn next_authorities(&self, state: &Opaque) -> Option<Vec<Authority>> {
        self.0.next_authorities(state)
    }
}

/// Final blocks, in order of height, as many as the window lets through.
pub struct Blocks<S> {
    blocks: mpsc::Receiver<Finalised<Opaque>>,
    of: std::marker::PhantomData<fn() -> S>,
}

impl<S: Clone + 'static> Blocks<S> {
    pub(crate) fn new(blocks: mpsc::Receiver<Finalised<Opaque>>) -> Self {
        Self {
            blocks,
            of: std::marker::PhantomData,
        }
    }

    /// The next block; `None` when the notary has stopped.
    pub async fn recv(&mut self) -> Option<Finalised<S>> {
        self.blocks.recv().await.map(typed)
    }

    /// The next block, for a thread outside any runtime.
    pub fn blocking_recv(&mut self) -> Option<Finalised<S>> {
        self.blocks.blocking_recv().map(typed)
    }
}

fn typed<S: Clone + 'static>(block: Finalised<Opaque>) -> Finalised<S> {
    Finalised {
        epoch: block.epoch,
        height: block.height,
        digest: block.digest,
        parent: block.parent,
        payload: block.payload,
        state: block.state.get::<S>().clone(),
        acknowledge: block.acknowledge,
    }
}
