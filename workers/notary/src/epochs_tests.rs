use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::notary::public_key;

fn authority(seed: u8) -> Authority {
    Authority {
        key: public_key(&[seed; 32]),
        address: format!("127.0.0.1:{seed}"),
    }
}

fn set(seeds: &[u8]) -> Vec<Authority> {
    seeds.iter().map(|seed| authority(*seed)).collect()
}

fn config(folder: &TempDir) -> Config {
    let listen = "127.0.0.1:1".parse().unwrap();
    let (journal, fence) = (folder.path().to_owned(), "fence".into());
    let mut config = Config::new(b"o", [1; 32], listen, set(&[1, 2, 3, 4]), journal, fence);
    config.seed = Zeroizing::new([1; 32]);
    config
}

fn open(folder: &TempDir) -> Result<Epochs, Error> {
    let signer = PrivateKey::decode(Copying(&[1; 32])).unwrap();
    Epochs::open(&config(folder), signer)
}

fn block(epoch: u64, height: u64) -> Block {
    Block {
        parent: Block::genesis(b"o", &[]).digest(),
        epoch,
        height,
        payload: std::sync::Arc::default(),
    }
}

fn at(epochs: &Epochs, height: u64) -> (u64, u64, u64) {
    let info = epochs.containing(Height::new(height)).unwrap();
    (info.epoch().get(), info.first().get(), info.last().get())
}

#[test]
fn an_epoch_is_open_until_its_last_block_is_known() {
    let folder = TempDir::new().unwrap();
    let epochs = open(&folder).unwrap();
    assert_eq!(at(&epochs, 0), (0, 0, u64::MAX));
    assert_eq!(at(&epochs, 1_000_000), (0, 0, u64::MAX));

    epochs.close(&block(0, 10), set(&[2, 3, 4, 5])).unwrap();
    epochs.close(&block(1, 11), set(&[1, 2, 3])).unwrap();
    for epochs in [epochs, open(&folder).unwrap()] {
        assert_eq!(at(&epochs, 10), (0, 0, 10));
        assert_eq!(at(&epochs, 11), (1, 11, 11));
        assert_eq!(at(&epochs, 12), (2, 12, u64::MAX));
        assert_eq!(epochs.first(Epoch::new(3)), None);
        assert_eq!(epochs.last(Epoch::new(3)), None);
        let votes: Vec<_> = (0..3)
            .map(|epoch| epochs.get(epoch).unwrap().votes)
            .collect();
        assert_eq!(votes, [true, false, true]);
        assert_eq!(epochs.now().anchor, block(1, 11).digest());
        assert_eq!(epochs.now().authorities, set(&[1, 2, 3]));
    }
}

#[test]
fn an_epoch_ends_once() {
    let folder = TempDir::new().unwrap();
    let epochs = open(&folder).unwrap();
    epochs.close(&block(0, 10), set(&[2, 3])).unwrap();
    epochs.close(&block(0, 10), set(&[2, 3])).unwrap();
    assert_eq!(epochs.now().epoch, 1, "the same block again");
    let elsewhere = epochs.close(&block(0, 11), set(&[2, 3]));
    assert!(matches!(elsewhere, Err(Error::Diverged { height: 11, .. })));
    let ahead = epochs.close(&block(7, 11), set(&[2, 3]));
    assert!(matches!(ahead, Err(Error::Diverged { .. })));
}

#[test]
fn a_set_that_cannot_vote_is_refused() {
    let folder = TempDir::new().unwrap();
    let epochs = open(&folder).unwrap();
    let mut no_key = set(&[1, 2]);
    // No point of the curve has this for its y.
    no_key[0].key = std::array::from_fn(|at| if at == 0 { 2 } else { 0 });
    let many: Vec<u8> = (1..=17).collect();
    for wrong in [vec![], set(&[1, 2, 1]), set(&many), no_key] {
        let refused = epochs.may_vote(1, &wrong);
        assert!(matches!(refused, Err(Error::Authorities { epoch: 1, .. })));
    }
    epochs.may_vote(1, &set(&many[..16])).unwrap();
}

#[test]
fn a_table_of_another_chain_or_none_is_refused() {
    let folder = TempDir::new().unwrap();
    open(&folder)
        .unwrap()
        .close(&block(0, 10), set(&[2, 3]))
        .unwrap();
    let mut other = config(&folder);
    other.namespace = b"p".to_vec();
    let signer = PrivateKey::decode(Copying(&[1; 32])).unwrap();
    let opened = Epochs::open(&other, signer).map(drop);
    assert!(matches!(opened, Err(Error::Foreign { what: "chain", .. })));

    let file = folder.path().join("epochs");
    let text = std::fs::read_to_string(&file).unwrap();
    for wrong in [
        "",
        "epochs\n",
        &text[..text.len() - 60],
        &text.replace("epoch 11", "epoch 0"),
    ] {
        std::fs::write(&file, wrong).unwrap();
        let opened = open(&folder).map(drop);
        assert!(matches!(opened, Err(Error::Damaged { .. })), "{wrong}");
    }
}
