//! Who bills: the invented providers of the two products' directories, by
//! specialty, and some whom neither knows. All have valid check digits; the
//! numbers begin with 2, those in use with 1.

/// A National Provider Identifier.
pub type Npi = &'static str;

/// Those of one specialty, in network and out of it (not participating).
pub struct Panel {
    /// In network.
    pub inside: &'static [Npi],
    /// Out of network.
    pub outside: &'static [Npi],
}

/// Family, general and internal medicine, a nurse practitioner.
pub const PRIMARY: Panel = Panel {
    inside: &[
        "2000001372",
        "2000002743",
        "2000004111",
        "2000005480",
        "2000008229",
        "2000010969",
        "2000012338",
        "2000017816",
    ],
    outside: &["2000006850", "2000009599", "2000013708"],
};
/// Paediatrics.
pub const CHILDREN: Panel = Panel {
    inside: &["2000015075", "2000016446"],
    outside: &["2000006850"],
};
/// Cardiology.
pub const HEART: Panel = Panel {
    inside: &["2000019184"],
    outside: &["2000020554"],
};
/// Dermatology; the last left the network with 2025.
pub const SKIN: Panel = Panel {
    inside: &["2000021925", "2000023293"],
    outside: &["2000023293"],
};
/// Gastroenterology.
pub const DIGESTION: Panel = Panel {
    inside: &["2000024663"],
    outside: &["2000032880"],
};
/// Gynaecology.
pub const WOMEN: Panel = Panel {
    inside: &["2000027401"],
    outside: &["2000028771"],
};
/// Ophthalmology.
pub const EYES: Panel = Panel {
    inside: &["2000030140"],
    outside: &["2000030140"],
};
/// Orthopaedic surgery.
pub const BONES: Panel = Panel {
    inside: &["2000031510"],
    outside: &["2000032880"],
};
/// General surgery.
pub const SURGERY: Panel = Panel {
    inside: &["2000034258", "2000035628"],
    outside: &["2000032880"],
};
/// Psychiatry, psychology, social work.
pub const MIND: Panel = Panel {
    inside: &["2000036998", "2000041105"],
    outside: &["2000039737"],
};
/// Diagnostic radiology.
pub const IMAGING: Panel = Panel {
    inside: &["2000042475", "2000043846"],
    outside: &["2000045213"],
};
/// Clinical laboratories.
pub const LABORATORY: Panel = Panel {
    inside: &["2000046583", "2000047953"],
    outside: &["2000049322"],
};
/// Emergency physicians: most are out of network, though their hospital is in.
pub const EMERGENCY: Panel = Panel {
    inside: &["2000050692"],
    outside: &["2000052060", "2000053431"],
};
/// Physical and occupational therapy.
pub const THERAPY: Panel = Panel {
    inside: &["2000056178", "2000058919"],
    outside: &["2000057549"],
};
/// Chiropractic.
pub const SPINE: Panel = Panel {
    inside: &["2000061657"],
    outside: &["2000063026"],
};
/// Audiology.
pub const HEARING: Panel = Panel {
    inside: &["2000064396"],
    outside: &["2000064396"],
};
/// Medical supplies.
pub const SUPPLIES: Panel = Panel {
    inside: &["2000065765"],
    outside: &["2000067134"],
};
/// Ambulance.
pub const AMBULANCE: Panel = Panel {
    inside: &["2000068504"],
    outside: &["2000069874"],
};
/// Haematology and oncology.
pub const INFUSION: Panel = Panel {
    inside: &["2000071243"],
    outside: &["2000071243"],
};
/// Hospitals.
pub const HOSPITAL: Panel = Panel {
    inside: &["2000072613", "2000073983"],
    outside: &["2000075350"],
};
/// Urgent care: in network from July 2025.
pub const URGENT: Panel = Panel {
    inside: &["2000076721"],
    outside: &["2000076721"],
};
/// In no directory: out of network for one product, unknown to the other.
pub const STRANGERS: &[Npi] = &[
    "2900001019",
    "2900002025",
    "2900003031",
    "2900004047",
    "2900005051",
    "2900006067",
];

/// A physical therapist kept for a scheme: more than a day's work in one day.
pub const TIRELESS: Npi = "2000054801";
/// A clinical psychologist kept for a scheme: thirteen hours in one day.
pub const BUSY: Npi = "2000038366";

/// Whether a provider is a firm that serves many at a time, so that no
/// calendar limits it.
pub fn is_firm(npi: Npi) -> bool {
    [
        &IMAGING,
        &LABORATORY,
        &SUPPLIES,
        &AMBULANCE,
        &HOSPITAL,
        &URGENT,
    ]
    .iter()
    .any(|panel| panel.inside.contains(&npi) || panel.outside.contains(&npi))
}

/// Every provider of the products' directories used here.
#[cfg(test)]
pub fn listed() -> Vec<Npi> {
    let panels = [
        PRIMARY, CHILDREN, HEART, SKIN, DIGESTION, WOMEN, EYES, BONES, SURGERY, MIND, IMAGING,
        LABORATORY, EMERGENCY, THERAPY, SPINE, HEARING, SUPPLIES, AMBULANCE, INFUSION, HOSPITAL,
        URGENT,
    ];
    let mut all = vec![TIRELESS, BUSY];
    for panel in panels {
        all.extend(panel.inside.iter().chain(panel.outside));
    }
    all
}
