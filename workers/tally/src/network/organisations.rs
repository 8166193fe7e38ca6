//! The organisations of the network: folders, keys, the charter, configurations.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{Charter, Role, Witness};
use tally_types::ServiceDate;
use zeroize::Zeroizing;

use crate::config::PoliciesConfig;
use crate::demo::generate::generate;
use crate::node::Node;
use crate::node::clock::Clock;
use crate::node::keys::hex;
use crate::shared::{Application, charter_text, found as founding};

/// Names of payers and of providers.
const PAYERS: [(&str, &str); 4] = [
    ("harbor-health", "Harbor Health"),
    ("cedar-mutual", "Cedar Mutual"),
    ("summit-life", "Summit Life"),
    ("aspen-care", "Aspen Care"),
];
const PROVIDERS: [(&str, &str); 4] = [
    ("riverside", "Riverside Hospital"),
    ("lakeside", "Lakeside Clinics"),
    ("hillcrest", "Hillcrest Physicians"),
    ("bayview", "Bayview Medical Group"),
];

/// An organisation in its place.
pub struct Placed {
    /// How it is called on the ledger.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Its folder.
    pub folder: PathBuf,
    /// Where its API is.
    pub api: SocketAddr,
    /// Where its pages are.
    pub pages: SocketAddr,
    /// Where its readiness is told.
    pub health: SocketAddr,
    /// Where it listens to other authorities.
    pub listen: SocketAddr,
    /// Its signing secret: the network speaks for providers.
    pub signing: Zeroizing<[u8; 32]>,
    /// Whether it pays by another policy than it publishes.
    pub tampers: bool,
}

/// How the network is to be.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// How many organisations, each an authority.
    pub authorities: u8,
    /// What families and claims are made from.
    pub seed: u64,
    /// How many claims.
    pub claims: u32,
    /// Whether the first payer pays by another policy than it publishes.
    pub tamper: bool,
}

/// How the witness is called in signature lines.
pub const WITNESS: &str = "witness.example/network";

/// A network that was founded.
pub struct Founded {
    /// The ledger's name.
    pub origin: String,
    /// The folder of the folders.
    pub folder: PathBuf,
    /// The charter.
    pub charter: Charter,
    /// The organisations, in the order of their names.
    pub placed: Vec<Placed>,
    /// Where the witness listens, which is none of them.
    pub witness: SocketAddr,
    /// The day it is.
    pub day: ServiceDate,
}

impl Founded {
    /// The payers.
    pub fn payers(&self) -> impl Iterator<Item = &Placed> {
        self.placed
            .iter()
            .filter(|placed| placed.role == Role::Payer)
    }

    /// The folder of the witness.
    pub fn witness_folder(&self) -> PathBuf {
        self.folder.join("witness")
    }

    /// The folder of the files that an organisation sent.
    pub fn sent(&self, organisation: &str) -> PathBuf {
        self.folder.join("sent").join(organisation)
    }

    /// The folder of the receipts that were verified.
    pub fn receipts(&self) -> PathBuf {
        self.folder.join("receipts")
    }

    /// What whoever trusts the founders verifies them with.
    pub fn trust_file(&self) -> PathBuf {
        self.folder.join("trust.json")
    }

    /// The charter's file.
    pub fn charter_file(&self) -> PathBuf {
        self.folder.join("charter.json")
    }

    /// The providers.
    pub fn providers(&self) -> impl Iterator<Item = &Placed> {
        self.placed
            .iter()
            .filter(|placed| placed.role == Role::Provider)
    }

    /// How many of the claims are a payer's.
    pub fn share(&self, claims: u32, position: usize) -> u32 {
        share(claims, self.payers().count(), position)
    }

    /// What a payer's families and claims are made from.
    pub fn seed_of(&self, seed: u64, position: usize) -> u64 {
        seed_of(seed, position)
    }
}

fn share(claims: u32, payers: usize, position: usize) -> u32 {
    let payers = u32::try_from(payers.max(1)).unwrap_or(1);
    let more = u32::try_from(position).is_ok_and(|position| position < claims % payers);
    claims / payers + u32::from(more)
}

fn seed_of(seed: u64, position: usize) -> u64 {
    seed.wrapping_mul(1_000).wrapping_add(position as u64)
}

/// Ports of this machine that are free now.
fn ports(count: usize) -> Result<Vec<SocketAddr>> {
    let listeners = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<Vec<_>, _>>()
        .context("no free ports on 127.0.0.1")?;
    let addresses = listeners.iter().map(TcpListener::local_addr);
    Ok(addresses.collect::<Result<_, _>>()?)
}

/// Sees that a folder is free for a network: one that is there has nodes and keys of its own,
/// and may be running.
///
/// # Errors
/// When something is in it.
pub fn is_free(folder: &Path) -> Result<()> {
    let mut held = match fs::read_dir(folder) {
        Ok(held) => held,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", folder.display()));
        }
    };
    anyhow::ensure!(
        !folder.join("charter.json").exists(),
        "{} holds a network already, which may be running: say another folder with `--data`, or \
         remove that one first. Its nodes can be started alone: `tally node --config {} --day DAY`, \
         with the day that is said in that file",
        folder.display(),
        folder.join("ORGANISATION/tally.toml").display()
    );
    anyhow::ensure!(
        held.next().is_none(),
        "{} is not empty: say a new folder with `--data`",
        folder.display()
    );
    Ok(())
}

/// Founds a network in a folder: nodes with keys, members enrolled, a witness, a charter,
/// a configuration each.
///
/// # Errors
/// When a folder cannot be made.
pub async fn found(folder: &Path, wanted: Wanted) -> Result<Founded> {
    let origin = "tallystick.example/network".to_owned();
    let count = usize::from(wanted.authorities);
    let mut day = ServiceDate::parse("2026-01-01")?;
    let ports = ports(count * 4 + 1)?;
    let (places, of_witness) = ports.as_chunks::<4>();
    let witness = *of_witness.first().context("a port for the witness")?;
    let mut founded = Founded {
        charter: Charter {
            origin: origin.clone(),
            organisations: Vec::new(),
            witnesses: Vec::new(),
        },
        origin,
        folder: folder.to_owned(),
        placed: Vec::new(),
        witness,
        day,
    };
    let mut applications = Vec::new();
    let progress = crate::cli::Progress::bar("founding", count as u64);
    for (position, ports) in places.iter().enumerate() {
        let made = place(&founded, wanted, position, *ports).await?;
        day = day.max(made.day);
        applications.push(made.application);
        founded.placed.push(made.placed);
        progress.at(position as u64 + 1);
    }
    progress.done();
    founded.day = day;
    let key = crate::witness::Witness::open(&founded.witness_folder(), WITNESS, &[])?.public();
    let witness = Witness {
        name: WITNESS.to_owned(),
        key,
    };
    founded.charter = founding(&founded.origin, &applications, vec![witness])?;
    fs::write(founded.charter_file(), charter_text(&founded.charter)?)?;
    for placed in &founded.placed {
        fs::create_dir_all(founded.sent(&placed.id))?;
        fs::write(
            placed.folder.join("tally.toml"),
            configuration(&founded, placed)?,
        )?;
    }
    founded.placed.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(founded)
}

/// An organisation whose node was made.
struct Made {
    placed: Placed,
    application: Application,
    /// The last day that a claim of its is received on.
    day: ServiceDate,
}

/// Makes the node of one organisation: payers and providers take turns.
async fn place(
    founded: &Founded,
    wanted: Wanted,
    position: usize,
    [api, pages, health, listen]: [SocketAddr; 4],
) -> Result<Made> {
    let payers = usize::from(wanted.authorities).div_ceil(2);
    let of_role = position / 2;
    let (role, names) = if position.is_multiple_of(2) {
        (Role::Payer, PAYERS)
    } else {
        (Role::Provider, PROVIDERS)
    };
    let (id, name) = names[of_role % names.len()];
    let (id, name) = match of_role / names.len() {
        0 => (id.to_owned(), name.to_owned()),
        n => (format!("{id}-{}", n + 1), format!("{name} {}", n + 1)),
    };
    let claims = share(wanted.claims, payers, of_role);
    let population = (role == Role::Payer && claims > 0)
        .then(|| generate(seed_of(wanted.seed, of_role), claims as usize));
    let days = population.iter().flat_map(|population| &population.files);
    let day = days.fold(founded.day, |day, file| day.max(file.received));
    let folder = founded.folder.join(&id);
    let policies = match role {
        Role::Payer => PoliciesConfig::Bundled,
        _ => PoliciesConfig::None,
    };
    let node = Node::open_with(&folder, Clock::simulated(day), policies).await?;
    let contracts = population
        .iter()
        .flat_map(|population| &population.contracts);
    for contract in contracts {
        node.enrol(contract, false).await?;
    }
    node.make_authority(false)?;
    let application = node
        .application(&crate::node::Applying {
            ledger: founded.origin.clone(),
            id: id.clone(),
            name: name.clone(),
            roles: vec![role],
            address: listen.to_string(),
            url: format!("http://{api}"),
        })
        .await?;
    Ok(Made {
        placed: Placed {
            id,
            name,
            role,
            folder,
            api,
            pages,
            health,
            listen,
            signing: node.signing_secret(),
            tampers: wanted.tamper && position == 0,
        },
        application,
        day,
    })
}

/// What an organisation's node is told.
fn configuration(founded: &Founded, placed: &Placed) -> Result<String> {
    let policies = match placed.role {
        Role::Payer => "bundled",
        _ => "none",
    };
    let mut text = format!(
        "# It lives on a simulated day: `tally node` and commands on its folder take `--day {day}`.\n\
         [node]\ndata = {data:?}\npayer = {id:?}\npolicies = {policies:?}\n\n\
         [listen]\napi = \"{api}\"\npages = \"{pages}\"\nhealth = \"{health}\"\n\n\
         [ledger]\ncharter = {charter:?}\norganisation = {id:?}\nlisten = \"{listen}\"\n\
         witnesses = [\"http://{witness}\"]\nsent = {sent:?}\n",
        day = founded.day,
        data = placed.folder.display().to_string(),
        id = placed.id,
        api = placed.api,
        pages = placed.pages,
        health = placed.health,
        charter = founded.charter_file().display().to_string(),
        listen = placed.listen,
        witness = founded.witness,
        sent = founded.sent(&placed.id).display().to_string(),
    );
    for other in &founded.placed {
        let key = SigningKey::new("signing", &other.signing)?;
        write!(
            text,
            "\n[[organisation]]\nid = {:?}\nname = {:?}\nkey = {:?}\n",
            other.id,
            other.name,
            hex(&key.verifier().public())
        )?;
    }
    Ok(text)
}
