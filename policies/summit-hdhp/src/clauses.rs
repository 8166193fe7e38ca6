//! The clauses of the Summit HDHP: the text the family agreed to, beside the
//! constants that the code cites.

use tally_sdk::clauses;

clauses! {
    /// What the plan pays for.
    COVERED = "1.1", "Covered services",
        "The plan pays for the services in the schedule of services that is in force on the date of service. It pays the allowed amount (part 3), within the limits of part 4, less what the member bears (parts 5 and 6).";
    /// How amounts are rounded.
    ROUNDING = "1.2", "Rounding",
        "A price times units, and a share of an amount, is rounded once, to the cent, a half cent to the even cent. The plan pays what remains after the member's share.";
    /// Claims of other kinds.
    OTHER_CLAIMS = "1.3", "Dental, vision and pharmacy claims",
        "Dental, vision and pharmacy claims are not covered by this plan. The member bears the charge.";

    /// Timely filing.
    TIMELY = "2.1", "Timely filing",
        "A claim, also one that replaces another, must reach the plan within twelve months after the last day of the service. A later one is denied, and the provider may not bill the member.";
    /// No code.
    NO_CODE = "2.2", "Missing procedure",
        "A line that names neither a procedure nor a revenue code is denied, and the provider may not bill the member.";
    /// A code that is not in the schedule.
    INVALID_CODE = "2.3", "Code not valid on the date of service",
        "A line whose code is not in the schedule of services on the date of service is denied, and the provider may not bill the member.";
    /// No units.
    NO_UNITS = "2.4", "Missing units",
        "A line without units of service is denied, and the provider may not bill the member.";
    /// Unlisted procedures.
    BY_HAND = "2.5", "Unlisted procedures",
        "A claim with an unlisted procedure waits until the records of the service are reviewed and a price is agreed.";

    /// In network.
    IN_NETWORK = "3.1", "Allowed amount in network",
        "Of a provider in network on the date of service the allowed amount is the lesser of the charge and the contracted fee times the units. The provider may not bill the rest. The provider that counts, here and wherever this booklet says in or out of network, is who renders the service, on a professional claim; on an institutional claim it is the hospital that bills, whomever a line names.";
    /// Out of network.
    OUT_OF_NETWORK = "3.2", "Allowed amount out of network",
        "Of any other provider the allowed amount is the lesser of the charge and the maximum out of network times the units. The provider may bill the rest to the member; it counts toward no deductible and no limit.";
    /// Emergencies out of network.
    EMERGENCY = "3.3", "Emergencies out of network",
        "A service is an emergency when the provider marks it so, when it is given in an emergency room (place of service 23), or when it is an emergency room service. An emergency out of network is allowed at the contracted fee and shared as in network, needs no authorisation, and the provider may not bill the rest.";
    /// Not covered out of network.
    ONLY_IN_NETWORK = "3.4", "Covered in network only",
        "Equipment is covered in network only. Out of network the member bears the charge.";

    /// Services denied without an authorisation.
    AUTHORIZED_BEFORE = "4.1", "Services to be authorised beforehand",
        "Magnetic resonance and the surgery so marked in the schedule must be authorised before the service. An emergency (3.3) needs none, in the network or out of it, and uses up what there is. Without an authorisation on file the line is denied, and the provider may not bill the member.";
    /// Services that wait for an authorisation.
    AUTHORIZED_AFTER = "4.2", "Hospital stays",
        "Hospital stays may be authorised afterwards too. An emergency (3.3) needs none, in the network or out of it, and uses up what there is. Without an authorisation on file the claim waits for one.";
    /// The therapy limit.
    THERAPY_LIMIT = "4.3", "Therapy limit",
        "Therapy is limited to 30 units for each member and calendar year; a begun unit counts whole. Of a line that passes the limit the units left are covered, with their part of the allowed amount; the member bears the rest.";
    /// Cosmetic services.
    COSMETIC = "4.4", "Cosmetic services",
        "Cosmetic services are not covered. The member bears the charge.";

    /// The order of cost sharing.
    ORDER = "5.1", "Order of cost sharing",
        "Of the allowed amount the member bears first what is left of the deductible, then the coinsurance of what remains. Each is taken only as far as the out-of-pocket limit still allows, and counts toward it. There are no copayments. The lines of a claim are taken in the order in which they stand on it: in that order they use up deductibles, limits and what is authorised.";
    /// The deductible in network.
    DEDUCTIBLE = "5.2", "Deductible in network",
        "One who is covered alone has a deductible of 1,700.00 a calendar year, 1,650.00 in 2025. In family cover, of two members or more on the first day of the claim, the family has one deductible of 3,400.00, 3,300.00 in 2025, and no member has one of their own: nothing but preventive services is paid for anybody before the family's is met.";
    /// When cover changes.
    TIER_CREDIT = "5.3", "When cover changes within the year",
        "What one who is covered alone bears of the deductible counts toward the family's of the same year, and what a member bears in family cover counts toward the deductible that this member would have alone.";
    /// The deductible out of network.
    OUT_DEDUCTIBLE = "5.4", "Deductible out of network",
        "Out of network there is a separate deductible: 3,400.00 for each member, 3,300.00 in 2025, and 6,800.00 for the family, 6,600.00 in 2025. Nobody bears more once either is reached.";
    /// The out-of-pocket limit in network.
    OUT_OF_POCKET = "5.5", "Out-of-pocket limit in network",
        "In network no member bears more than 5,000.00 a calendar year, 4,800.00 in 2025, alone or within a family, and no family more than 10,000.00, 9,600.00 in 2025. Then the plan pays the allowed amount in full, also where the family's deductible is not met. What is above the allowed amount, above a limit of part 4 or not covered does not count.";
    /// The out-of-pocket limit out of network.
    OUT_OUT_OF_POCKET = "5.6", "Out-of-pocket limit out of network",
        "Out of network there is a separate limit: 10,000.00 for each member, 9,600.00 in 2025, and 20,000.00 for the family, 19,200.00 in 2025, by the rules of 5.5.";
    /// One-way credit.
    CREDIT = "5.7", "What is borne in network counts out of network too",
        "What is borne in network counts also out of network, as far as there is room: the deductible toward the deductible and the limit, the coinsurance toward the limit. What is borne out of network does not count in network.";
    /// Pools.
    POOLS = "5.8", "Change between plans of Larch Mutual",
        "A member who changes within the year between this plan and another of Larch Mutual keeps what was borne: the deductibles and the limits out of network go on between the insurer's plans with a high deductible, the out-of-pocket limit in network between all of its plans, the Cedar HMO among them. Who moves to another contract begins anew there.";

    /// Visits.
    VISIT = "6.1", "Visits",
        "Office visits, mental health among them. In network 20 % after the deductible; out of network 40 % after the deductible.";
    /// Preventive services.
    PREVENTIVE = "6.2", "Preventive services",
        "Preventive visits, immunisations and screening. In network nothing, before the deductible; out of network 40 % after the deductible.";
    /// Chronic conditions.
    CHRONIC = "6.3", "Care of chronic conditions",
        "A service that stands in the table of preventive care beside a diagnosis of the line, as the test of glycated haemoglobin for diabetes, is preventive in network. Otherwise it has the benefit of its own category.";
    /// Emergency room.
    EMERGENCY_ROOM = "6.4", "Emergency room",
        "20 % after the deductible in network, in and out of network.";
    /// Laboratory.
    LABORATORY = "6.5", "Laboratory",
        "In network 10 % after the deductible; out of network 40 % after the deductible.";
    /// Imaging.
    IMAGING = "6.6", "Imaging",
        "In network 20 % after the deductible; out of network 40 % after the deductible.";
    /// Surgery.
    SURGERY = "6.7", "Surgery and procedures",
        "In network 20 % after the deductible; out of network 40 % after the deductible.";
    /// Therapy.
    THERAPY = "6.8", "Therapy",
        "In network 25 % after the deductible; out of network 50 % after the deductible.";
    /// Hospital stays.
    STAY = "6.9", "Hospital stays",
        "In network 15 % after the deductible; out of network 40 % after the deductible.";
    /// Transport.
    TRANSPORT = "6.10", "Transport",
        "In network 20 % after the deductible; out of network 40 % after the deductible.";
    /// Equipment.
    EQUIPMENT = "6.11", "Medical equipment",
        "In network 35 % after the deductible.";
    /// Everything else.
    OTHER = "6.12", "Other medical services",
        "In network one eighth (12.5 %) after the deductible; out of network 40 % after the deductible.";

    /// Coordination.
    COORDINATION = "7.1", "After another payer",
        "Where the claim says that another payer comes first, the plan takes what earlier payers paid off its own benefit and pays the difference, never more than what the last of them left to the member. What they did is shown as one amount. The deductible is credited as if there were no other payer, the out-of-pocket limits only with what is left to the member of deductible and coinsurance: that counts in network and, as far as there is room, out of network (5.7).";
    /// An earlier decision that is missing or does not add up.
    UNCLEAR = "7.2", "What an earlier payer decided is not clear",
        "Where the decision of an earlier payer is missing for a line or does not add up to its charge, the claim waits for that payer's remittance.";
    /// Nothing of an earlier payer.
    OTHERS_FIRST = "7.3", "Another payer comes first",
        "Where the claim says that another payer comes first and nothing of that payer is there, the lines are denied until it has decided. The member is not to be billed for that.";
    /// Accidents at work.
    WORK = "7.4", "Accidents at work",
        "Care after an accident at work is for the workers' compensation insurer: unless its decision stands on the claim, the lines are denied. The member is not to be billed for that.";
    /// Accidents with a vehicle.
    VEHICLE = "7.5", "Accidents with a vehicle",
        "A claim for care after an accident with a vehicle waits until it is known whether an insurer of the vehicle pays first, unless the claim has that insurer's decision.";
}
