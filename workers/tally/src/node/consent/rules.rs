//! What a node's configuration says of who may read.

use std::collections::BTreeMap;
use std::sync::Arc;

use tally_core::claim::{Claim, ClaimId, ClaimKind};
use tally_core::ledger::access::{ClaimFacts, CodeList, ListId, Parties, Patient};
use tally_core::ledger::shared::{Member, Organisation, OrganisationId, Role};
use tally_store::port::ClaimRow;
use tally_types::ServiceDate;

use crate::config::{Config, May};

/// What the configuration says: who the payer is, which organisations there are beside
/// those of a shared ledger, whose providers bill, and lists of codes.
#[derive(Clone)]
pub struct Rules {
    /// The payer, where no shared ledger names it.
    pub(super) own: OrganisationId,
    pub(super) members: Arc<BTreeMap<OrganisationId, Member>>,
    payees: BTreeMap<String, OrganisationId>,
    lists: Vec<CodeList>,
    protected: Vec<CodeList>,
}

/// A name as an organisation's id: what is no `a-z`, `0-9` or `-` becomes `-`.
fn named(text: &str) -> OrganisationId {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let letters = text.chars().map(|c| c.to_ascii_lowercase());
    let id: String = letters
        .map(|c| if plain(c) { c } else { '-' })
        .take(64)
        .collect();
    #[allow(clippy::expect_used, reason = "a word of a-z is an id")]
    OrganisationId::parse(&id)
        .or_else(|| OrganisationId::parse("payer"))
        .expect("a word of a-z is an id")
}

/// An organisation that only the configuration knows.
fn local(id: &OrganisationId, name: &str, key: [u8; 32], roles: Vec<Role>) -> Member {
    Member::new(Organisation {
        id: id.clone(),
        name: name.to_owned(),
        roles,
        signing: key,
        sealing: [0; 32],
        origin: String::new(),
        log: [0; 32],
        publisher: None,
        authority: None,
        address: String::new(),
        url: String::new(),
    })
}

impl Default for Rules {
    /// Of a node without a configuration.
    fn default() -> Self {
        Self::of(&Config::of_node(std::path::Path::new("tally-data")))
    }
}

impl Rules {
    /// Of a configuration that was checked.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let ledger = config.ledger.as_ref();
        let own = named(ledger.map_or(&config.node.payer, |of| &of.organisation));
        let mut members: BTreeMap<_, _> = config
            .organisations
            .iter()
            .filter(|of| !of.may.contains(&May::ReadClaims))
            .map(|of| {
                let roles = of.roles.iter().map(|role| Role::from(*role)).collect();
                let id = named(&of.id);
                (id.clone(), local(&id, &of.name, of.key.0, roles))
            })
            .collect();
        let payer = local(&own, &config.payer.name, [0; 32], vec![Role::Payer]);
        members.insert(own.clone(), payer);
        let payees = config.payees.iter();
        let payees = payees.filter(|payee| !payee.organisation.is_empty());
        let (protected, lists): (Vec<_>, Vec<_>) =
            config.code_lists.iter().partition(|list| list.protected);
        let read = |lists: Vec<&crate::config::CodeListConfig>| {
            let lists = lists.into_iter();
            lists.filter_map(|list| list.list().ok()).collect()
        };
        Self {
            own,
            members: Arc::new(members),
            payees: payees
                .map(|payee| (payee.identifier.clone(), named(&payee.organisation)))
                .collect(),
            lists: read(lists),
            protected: read(protected),
        }
    }

    /// The list of codes of a name.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<&CodeList> {
        self.all_lists().find(|list| list.name == name)
    }

    /// Every list of codes, those that are protected among them.
    pub fn all_lists(&self) -> impl Iterator<Item = &CodeList> {
        self.lists.iter().chain(&self.protected)
    }

    /// The list of this id, where it is given away only where a grant names it.
    pub(super) fn protected(&self, id: &ListId) -> Option<&CodeList> {
        self.protected.iter().find(|list| list.id() == *id)
    }

    /// Who is a party to a claim. Where nobody says whose provider bills, it is who
    /// submitted.
    fn parties(&self, payer: &OrganisationId, row: &ClaimRow, claim: &Claim) -> Parties {
        let submitter = OrganisationId::parse(&row.submitter);
        let payee = |identifier: &str| self.payees.get(identifier).cloned();
        let rendering = claim
            .lines
            .iter()
            .filter_map(|line| line.rendering.as_ref());
        Parties {
            payer: payer.clone(),
            billing: payee(&claim.billing.identifier).or_else(|| submitter.clone()),
            rendering: rendering.filter_map(|of| payee(&of.identifier)).collect(),
            submitter,
        }
    }

    /// Whether an organisation is one that runs the policy of a claim again: its provider
    /// billed it.
    pub fn runs_again(&self, organisation: &str, row: &ClaimRow, claim: &Claim) -> bool {
        let id = OrganisationId::parse(organisation);
        id.is_some() && self.parties(&self.own, row, claim).billing == id
    }

    /// What is looked at of a claim.
    pub(super) fn facts(
        &self,
        payer: &OrganisationId,
        (row, claim): (&ClaimRow, &Claim),
        patient: Option<Patient>,
    ) -> ClaimFacts {
        let parties = self.parties(payer, row, claim);
        ClaimFacts::of(claim, patient, parties, &self.lists, &self.protected)
    }

    /// What the payees of an organisation are known by: it is a party to what they bill.
    pub fn payees_of(&self, organisation: &str) -> impl Iterator<Item = &str> {
        let id = OrganisationId::parse(organisation);
        let own = move |(_, of): &(&String, &OrganisationId)| Some(*of) == id.as_ref();
        let payees = self.payees.iter().filter(own);
        payees.map(|(identifier, _)| identifier.as_str())
    }

    /// The organisation of the one payee whose identifier is meant.
    pub(super) fn payee_of(&self, is_meant: impl Fn(&str) -> bool) -> Option<&OrganisationId> {
        let mut payees = self.payees.iter();
        payees.find_map(|(identifier, of)| is_meant(identifier).then_some(of))
    }

    /// What can be looked at of a claim that was erased: who submitted it, bills, and pays.
    pub(super) fn facts_of_erased(
        payer: &OrganisationId,
        row: &ClaimRow,
        bills: Option<&OrganisationId>,
    ) -> ClaimFacts {
        let submitter = OrganisationId::parse(&row.submitter);
        ClaimFacts {
            claim: row.id,
            from: row.first_service,
            through: row.first_service,
            parties: Parties {
                payer: payer.clone(),
                billing: bills.or(submitter.as_ref()).cloned(),
                rendering: Default::default(),
                submitter,
            },
            ..Self::facts_of_none(payer)
        }
    }

    /// What is looked at where there is no claim: nobody may read it but its payer, who
    /// is not asked.
    pub(super) fn facts_of_none(payer: &OrganisationId) -> ClaimFacts {
        ClaimFacts {
            claim: ClaimId([0; 16]),
            patient: None,
            kind: ClaimKind::Professional,
            from: ServiceDate::MIN,
            through: ServiceDate::MIN,
            parties: Parties {
                payer: payer.clone(),
                billing: None,
                rendering: Default::default(),
                submitter: None,
            },
            lists: BTreeMap::new(),
            protected: Default::default(),
        }
    }
}
