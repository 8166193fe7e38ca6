//! The organisations of the network: folders, keys, the charter, configurations.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tally_core::ledger::SigningKey;
use tally_core::ledger::shared::{Charter, Role};
use tally_types::ServiceDate;
use zeroize::Zeroizing;

use crate::config::PoliciesConfig;
use crate::demo::generate::generate;
use crate::node::Node;
use crate::node::clock::Clock;
use crate::node::keys::hex;
use crate::shared::{charter_text, found as founding};

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
}

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

/// Founds a network in a folder: nodes with keys, members enrolled, a charter, a
/// configuration each.
///
/// # Errors
/// When a folder cannot be made.
pub async fn found(folder: &Path, count: u8, seed: u64, claims: u32) -> Result<Founded> {
    let origin = "tallystick.example/network".to_owned();
    let count = usize::from(count);
    let payers = count.div_ceil(2);
    let mut day = ServiceDate::parse("2026-01-01")?;
    let ports = ports(count * 4)?;
    let mut placed = Vec::new();
    let mut applications = Vec::new();
    let progress = crate::cli::Progress::bar("founding", count as u64);
    for (position, ports) in ports.chunks(4).enumerate() {
        let of_role = position / 2;
        let (role, names) = if position % 2 == 0 {
            (Role::Payer, PAYERS)
        } else {
            (Role::Provider, PROVIDERS)
        };
        let (id, name) = names[of_role % names.len()];
        let (id, name) = match of_role / names.len() {
            0 => (id.to_owned(), name.to_owned()),
            n => (format!("{id}-{}", n + 1), format!("{name} {}", n + 1)),
        };
        let [api, pages, health, listen] = ports else {
            anyhow::bail!("four ports each");
        };
        let population = (role == Role::Payer && share(claims, payers, of_role) > 0).then(|| {
            generate(
                seed_of(seed, of_role),
                share(claims, payers, of_role) as usize,
            )
        });
        let days = population
            .iter()
            .flat_map(|p| &p.files)
            .map(|file| file.received);
        day = days.fold(day, Ord::max);
        let folder = folder.join(&id);
        let policies = match role {
            Role::Payer => PoliciesConfig::Bundled,
            _ => PoliciesConfig::None,
        };
        let node = Node::open_with(&folder, Clock::simulated(day), policies).await?;
        for contract in population
            .iter()
            .flat_map(|population| &population.contracts)
        {
            node.enrol(contract, false).await?;
        }
        node.make_authority(false)?;
        applications.push(node.application(&crate::node::Applying {
            ledger: origin.clone(),
            id: id.clone(),
            name: name.clone(),
            roles: vec![role],
            address: listen.to_string(),
            url: format!("http://{api}"),
        })?);
        placed.push(Placed {
            id,
            name,
            role,
            folder,
            api: *api,
            pages: *pages,
            health: *health,
            listen: *listen,
            signing: node.signing_secret(),
        });
        progress.at(position as u64 + 1);
    }
    progress.done();
    let charter = founding(&origin, &applications, Vec::new())?;
    fs::write(folder.join("charter.json"), charter_text(&charter)?)?;
    for placed_one in &placed {
        let text = configuration(folder, placed_one, &placed)?;
        fs::write(placed_one.folder.join("tally.toml"), text)?;
    }
    placed.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Founded {
        origin,
        folder: folder.to_owned(),
        charter,
        placed,
        day,
    })
}

/// What an organisation's node is told.
fn configuration(folder: &Path, placed: &Placed, all: &[Placed]) -> Result<String> {
    let policies = match placed.role {
        Role::Payer => "bundled",
        _ => "none",
    };
    let mut text = format!(
        "[node]\ndata = {data:?}\npayer = {id:?}\npolicies = {policies:?}\n\n\
         [listen]\napi = \"{api}\"\npages = \"{pages}\"\nhealth = \"{health}\"\n\n\
         [ledger]\ncharter = {charter:?}\norganisation = {id:?}\nlisten = \"{listen}\"\n",
        data = placed.folder.display().to_string(),
        id = placed.id,
        api = placed.api,
        pages = placed.pages,
        health = placed.health,
        charter = folder.join("charter.json").display().to_string(),
        listen = placed.listen,
    );
    for other in all {
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
