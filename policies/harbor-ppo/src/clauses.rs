//! The clauses of the Harbor Family PPO: the text the family agreed to, beside
//! the constants that the code cites.

use tally_sdk::clauses;

clauses! {
    /// What the plan pays for.
    COVERED = "1.1", "Covered services",
        "The plan pays for the services in the schedule of services that is in force on the date of service. It pays the allowed amount (part 3), within the limits of part 4, less what the member bears (parts 5 and 6).";
    /// How amounts are rounded.
    ROUNDING = "1.2", "Rounding",
        "A price times units, and a share of an amount, is rounded once, to the cent, a half cent upwards. The plan pays what remains after the member's share.";
    /// Claims of other kinds.
    OTHER_CLAIMS = "1.3", "Dental, vision and pharmacy claims",
        "Dental, vision and pharmacy claims are not covered by this plan. The member bears the charge.";

    /// Timely filing.
    TIMELY = "2.1", "Timely filing",
        "A claim, also one that replaces another, must reach the plan within 180 days after the last day of the service. A later one is denied, and the provider may not bill the member.";
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
        "Chiropractic, equipment and hearing aids are covered in network only. Out of network the member bears the charge.";
    /// Modifiers.
    MODIFIERS = "3.5", "Modifiers",
        "A modifier in the table of modifiers multiplies the fee: both sides 150 %, the reading alone 40 %, the technical part alone 60 %, an assistant at surgery 20 %, a reduced service 50 %. Of several the first counts.";

    /// Services denied without an authorisation.
    AUTHORIZED_BEFORE = "4.1", "Services to be authorised beforehand",
        "Advanced imaging and the surgery so marked in the schedule must be authorised before the service. An emergency (3.3) needs none, in the network or out of it, and uses up what there is. Without an authorisation on file the line is denied, and the provider may not bill the member.";
    /// Services that wait for an authorisation.
    AUTHORIZED_AFTER = "4.2", "Services that may be authorised afterwards",
        "Rented equipment, infused drugs and hospital stays so marked in the schedule may be authorised afterwards too. An emergency (3.3) needs none, in the network or out of it, and uses up what there is. Without an authorisation on file the claim waits for one.";
    /// The therapy limit.
    THERAPY_LIMIT = "4.3", "Therapy limit",
        "Physical, occupational and speech therapy are limited to 40 units for each member and calendar year, together; a begun unit counts whole. Of a line that passes the limit the units left are covered, with their part of the allowed amount; the member bears the rest.";
    /// The chiropractic limit.
    CHIROPRACTIC_LIMIT = "4.4", "Chiropractic limit",
        "Chiropractic is limited to 12 visits for each member and calendar year; a unit is a visit. Of a line that passes the limit the visits left are covered, with their part of the allowed amount; the member bears the rest.";
    /// The hearing benefit.
    HEARING_LIMIT = "4.5", "Hearing benefit",
        "Hearing aids are covered up to an allowed amount of 2,500.00 for each member and calendar year. The member bears the rest of the allowed amount.";
    /// Cosmetic services.
    COSMETIC = "4.6", "Cosmetic services",
        "Cosmetic services are not covered. The member bears the charge.";
    /// Convenience items.
    CONVENIENCE = "4.7", "Items of convenience",
        "Items of convenience and testimony are not covered. The member bears the charge.";

    /// The order of cost sharing.
    ORDER = "5.1", "Order of cost sharing",
        "Of the allowed amount the member bears first the copayment, then of the rest what is left of the deductible where the benefit has one, then the coinsurance of what remains. Each is taken only as far as the out-of-pocket limit still allows. Each counts toward the out-of-pocket limit, and only the deductible toward the deductible.";
    /// The deductible in network.
    DEDUCTIBLE = "5.2", "Deductible in network",
        "In network each member has a deductible of 500.00 a calendar year, 600.00 from 2026, and the family of 1,500.00, 1,800.00 from 2026. What a member bears toward the own deductible counts toward the family's. Nobody bears more once either is reached.";
    /// The deductible out of network.
    OUT_DEDUCTIBLE = "5.3", "Deductible out of network",
        "Out of network there is a separate deductible: 1,000.00 for each member, 1,200.00 from 2026, and 3,000.00 for the family, 3,600.00 from 2026, by the rules of 5.2.";
    /// The out-of-pocket limit in network.
    OUT_OF_POCKET = "5.4", "Out-of-pocket limit in network",
        "In network no member bears more than 4,000.00 a calendar year, 4,500.00 from 2026, and no family more than 8,000.00, 9,000.00 from 2026. Then the plan pays the allowed amount in full. What is above the allowed amount, above a limit of part 4 or not covered does not count. It is counted under one contract: who moves to another contract begins anew there.";
    /// The out-of-pocket limit out of network.
    OUT_OUT_OF_POCKET = "5.5", "Out-of-pocket limit out of network",
        "Out of network there is a separate limit: 8,000.00 for each member, 9,000.00 from 2026, and 16,000.00 for the family, 18,000.00 from 2026, by the rules of 5.4.";

    /// What is carried over.
    CARRY_OVER = "5.6", "Carry-over of the last quarter",
        "What is borne of the deductible in network for services from October to December, from October 2026, counts toward the next year's too, the member's and the family's each, as far as there is room. It does not count toward the next year's out-of-pocket limit.";

    /// Primary care.
    PRIMARY = "6.1", "Primary care visits",
        "Office visits with family and general medicine, internal medicine, paediatrics or a nurse practitioner: who renders them counts, on a hospital's claim too. In network a copayment of 25.00, 30.00 from 2026; out of network 40 % after the deductible.";
    /// Specialists.
    SPECIALIST = "6.2", "Specialist visits",
        "Office visits with any other provider. In network a copayment of 50.00, 60.00 from 2026; out of network 40 % after the deductible.";
    /// Preventive services.
    PREVENTIVE = "6.3", "Preventive services",
        "Preventive visits, immunisations and screening, and the services so marked in the schedule when the line has modifier 33 or points to a listed preventive diagnosis. In network no copayment, deductible or coinsurance; out of network 40 % after the deductible for the former, and the benefit of the service's own category for the latter.";
    /// Urgent care.
    URGENT = "6.4", "Urgent care",
        "In network a copayment of 75.00; out of network 40 % after the deductible.";
    /// Emergency room.
    EMERGENCY_ROOM = "6.5", "Emergency room",
        "A copayment of 250.00, then 20 %, in and out of network.";
    /// Imaging.
    IMAGING = "6.6", "Imaging",
        "In network 20 % after the deductible; out of network 40 % after the deductible.";
    /// Advanced imaging.
    ADVANCED = "6.7", "Advanced imaging",
        "Computed tomography and magnetic resonance. In network a copayment of 100.00, then 20 % after the deductible; out of network 50 % after the deductible.";
    /// Laboratory.
    LABORATORY = "6.8", "Laboratory",
        "In network 15 %; out of network 40 % after the deductible.";
    /// Surgery.
    SURGERY = "6.9", "Surgery and procedures",
        "In network 20 % after the deductible; out of network 40 % after the deductible.";
    /// Therapy.
    THERAPY = "6.10", "Therapy",
        "In network 25 %; out of network 50 % after the deductible.";
    /// Chiropractic.
    CHIROPRACTIC = "6.11", "Chiropractic",
        "In network a copayment of 35.00 for each line.";
    /// Mental health.
    MENTAL = "6.12", "Mental health",
        "In network a copayment of 25.00, 30.00 from 2026; out of network 40 % after the deductible.";
    /// Equipment.
    EQUIPMENT = "6.13", "Medical equipment",
        "In network 35 % after the deductible.";
    /// Hearing aids.
    HEARING = "6.14", "Hearing aids",
        "In network 50 %.";
    /// Infused drugs.
    INFUSION = "6.15", "Infused and injected drugs",
        "In network one eighth (12.5 %) after the deductible; out of network 50 % after the deductible.";
    /// Hospital stays.
    INPATIENT = "6.16", "Hospital stays",
        "In network 20 % after the deductible; out of network 40 % after the deductible.";
    /// Transport.
    TRANSPORT = "6.17", "Transport",
        "In network 20 % after the deductible; out of network 40 % after the deductible.";
    /// Everything else.
    OTHER = "6.18", "Other medical services",
        "In network 20 % after the deductible; out of network 40 % after the deductible.";

    /// A pattern: the highest visit for a healthy member.
    HIGH_VISIT = "7.1", "Review of the highest office visits",
        "An office visit of the highest level whose diagnoses are all screening or examination without complaint is flagged for a person to look at. It is paid as any other.";
    /// A pattern: planned surgery on a weekend.
    WEEKEND = "7.2", "Review of office surgery on weekends",
        "Surgery that is no emergency, in an office on a Saturday or Sunday, is flagged for a person to look at. It is paid as any other.";

    /// Coordination.
    COORDINATION = "8.1", "After another payer",
        "Where the claim says that another payer comes first, the plan pays the lesser of its own benefit and what is unpaid of the highest allowed amount of any payer; its own is what the limits of part 4 leave of it. What earlier payers did is shown as one amount. Deductibles and out-of-pocket limits are credited as if there were no other payer.";
    /// An earlier decision that is missing or does not add up.
    UNCLEAR = "8.2", "What an earlier payer decided is not clear",
        "Where the decision of an earlier payer is missing for a line or does not add up to its charge, the claim waits for that payer's remittance.";
    /// Nothing of an earlier payer.
    OTHERS_FIRST = "8.3", "Another payer comes first",
        "Where the claim says that another payer comes first and nothing of that payer is there, the lines are denied until it has decided. The member is not to be billed for that.";
    /// Accidents at work.
    WORK = "8.4", "Accidents at work",
        "Care after an accident at work is for the workers' compensation insurer: unless its decision stands on the claim, the lines are denied. The member is not to be billed for that.";
    /// Accidents with a vehicle.
    VEHICLE = "8.5", "Accidents with a vehicle",
        "A claim for care after an accident with a vehicle waits until it is known whether an insurer of the vehicle pays first, unless the claim has that insurer's decision.";
}
