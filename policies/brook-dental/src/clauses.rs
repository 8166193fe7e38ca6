//! The clauses of Brook Dental: the text the family agreed to, beside the
//! constants that the code cites.

use tally_sdk::clauses;

clauses! {
    /// What the plan pays for.
    COVERED = "1.1", "Covered services",
        "The plan pays for the dental services in the schedule of services that is in force on the date of service. It pays the allowed amount (part 3), within the limits of part 4, less what the member bears (parts 5 and 6), and not what another plan pays (part 7).";
    /// How amounts are rounded.
    ROUNDING = "1.2", "Rounding",
        "A price times units, and a share of an amount, is rounded once, to the cent, a half cent upwards. The plan pays what remains after the member's share.";
    /// Claims of other kinds.
    OTHER_CLAIMS = "1.3", "Claims that are not dental",
        "Professional, institutional, vision and pharmacy claims are not covered by this plan. The member bears the charge.";
    /// Services that are not covered.
    NOT_COVERED = "1.4", "Services not covered",
        "Implants, veneers, bleaching and other services so marked in the schedule are not covered. The member bears the charge.";

    /// Timely filing.
    TIMELY = "2.1", "Timely filing",
        "A claim, also one that replaces another, must reach the plan within 365 days after the last day of the service. A later one is denied, and the provider may not bill the member.";
    /// No code.
    NO_CODE = "2.2", "Missing procedure",
        "A line that names no procedure is denied, and the provider may not bill the member.";
    /// A code that is not in the schedule.
    INVALID_CODE = "2.3", "Code not valid on the date of service",
        "A line whose code is not in the schedule of services on the date of service is denied, and the provider may not bill the member.";
    /// No units.
    NO_UNITS = "2.4", "Missing units",
        "A line without units of service is denied, and the provider may not bill the member.";
    /// What a line must say of the mouth.
    MOUTH = "2.5", "Tooth, surfaces and quadrant",
        "A service on a tooth names the tooth in the universal numbering, a filling also the surfaces, each once (M, O, D, B, F, L, I), as many as its code is for, and a service on a quadrant the quadrant (10, 20, 30, 40). The units are the teeth or quadrants named. A line that does not is denied, and the provider may not bill the member.";
    /// A code that is not for that tooth.
    FIT = "2.6", "Service that does not fit the tooth",
        "A service for front teeth, premolars, molars or primary teeth that names another tooth is denied, and the provider may not bill the member.";
    /// Unlisted procedures.
    BY_REPORT = "2.7", "Unlisted procedures",
        "A claim with an unlisted procedure waits until the records of the service are reviewed and a price is agreed.";

    /// In network.
    IN_NETWORK = "3.1", "Allowed amount in network",
        "Of a dentist in network on the date of service the allowed amount is the lesser of the charge and the contracted fee times the units. The dentist may not bill the rest.";
    /// Out of network.
    OUT_OF_NETWORK = "3.2", "Allowed amount out of network",
        "Of any other dentist the allowed amount is the lesser of the charge and the maximum out of network times the units. The dentist may bill the rest to the member; it counts toward nothing.";
    /// Composites.
    COMPOSITE = "3.3", "Alternate benefit: fillings",
        "A tooth-coloured filling on a premolar or molar is allowed as an amalgam of as many surfaces. The member bears the difference; it counts toward nothing.";
    /// Ceramic crowns.
    CERAMIC = "3.4", "Alternate benefit: crowns",
        "A ceramic crown, or one of porcelain on metal, is allowed on a molar as a full crown of base metal. The member bears the difference; it counts toward nothing.";

    /// Examinations.
    EXAMINATIONS = "4.1", "Examinations",
        "Two examinations for each member and calendar year, whatever their kind; the member bears others. An examination for a complaint (D0140) is none of them.";
    /// Cleanings.
    CLEANINGS = "4.2", "Cleanings",
        "Two cleanings for each member and calendar year, those after treatment of the gums among them; the member bears others.";
    /// Bitewings.
    BITEWINGS = "4.3", "Bitewing images",
        "One set of bitewing images for each member and calendar year; the member bears others.";
    /// Fluoride.
    FLUORIDE = "4.4", "Fluoride",
        "One application of fluoride a calendar year, before the nineteenth birthday; the member bears others.";
    /// Images of the full mouth.
    FULL_MOUTH = "4.5", "Images of the full mouth",
        "One set of images of the full mouth, or one panoramic image, within 60 months; the member bears others. The sixtieth month's day is in time.";
    /// Sealants.
    SEALANTS = "4.6", "Sealants",
        "Sealants on the first and second permanent molars, before the sixteenth birthday, once for each tooth within 36 months; the member bears others.";
    /// Crowns.
    CROWNS = "4.7", "Crowns and bridges",
        "One crown, or one part of a bridge, for each tooth within 84 months; the member bears others.";
    /// Dentures.
    DENTURES = "4.8", "Dentures",
        "One denture for each jaw within 84 months, full or partial; the member bears others.";
    /// Root planing.
    PLANING = "4.9", "Root planing",
        "Root planing once for each quadrant within 24 months; the member bears others.";
    /// What the claims history cannot tell.
    RECORD = "4.10", "Which tooth it was before",
        "Where an earlier service of the kind of 4.6, 4.7 or 4.9 within the time may have been on the same tooth or quadrant, the claim waits until the plan has looked at the record of the tooth. It authorises the service if it was another one. The lines of a claim use authorisations up as they stand on it.";
    /// Age.
    CHILDREN = "4.11", "Orthodontics for children",
        "Orthodontics is covered when the service is before the nineteenth birthday. Otherwise the member bears the charge.";
    /// Waiting periods.
    WAITING = "4.12", "Waiting periods",
        "Major services and orthodontics are covered from twelve months after the member's present cover began. Before that the member bears the charge. A major service after an accident does not wait.";

    /// The order of cost sharing.
    ORDER = "5.1", "Order of cost sharing",
        "Of the allowed amount the member bears first what is left of the deductible, where the class has one, then the coinsurance of what remains, then what is beyond the maximum. The lines of a claim are taken by their days, those of one day as they stand on it: in that order they count for the limits of part 4 and use up deductible and maximum.";
    /// The deductible.
    DEDUCTIBLE = "5.2", "Deductible",
        "For basic and major services each member has a deductible of 50.00 a calendar year, 60.00 from 2026, and the family one of three times that. What a member bears toward the own deductible counts toward the family's. Nobody bears more once either is reached.";
    /// The annual maximum.
    MAXIMUM = "5.3", "Annual maximum",
        "For preventive, basic and major services together the plan pays at most 1,500.00 for each member and calendar year, 1,600.00 from 2026. The member bears what is beyond.";
    /// The carry-over.
    CARRY_OVER = "5.4", "Carry-over",
        "What the plan did not pay of a member's annual maximum is added to the next year's, at most 500.00, if the plan covered a preventive visit (an examination or a cleaning, as the table of visits has them at the end of that year) of the member in the year before, on an earlier claim or on the same one. It is drawn on when the year's own maximum is used up, and is not carried further.";
    /// Lifetime maximum of orthodontics.
    LIFETIME = "5.5", "Lifetime maximum of orthodontics",
        "For orthodontics the plan pays at most 1,500.00 in the member's life. The member bears what is beyond. It does not count toward the annual maximum.";

    /// Preventive services.
    PREVENTIVE = "6.1", "Preventive services",
        "Examinations, images, cleanings, fluoride, sealants and space maintainers. The plan pays all of the allowed amount.";
    /// Basic services.
    BASIC = "6.2", "Basic services",
        "Fillings, root canals, treatment of the gums, extractions and relief of pain. The member bears 20 % after the deductible.";
    /// Major services.
    MAJOR = "6.3", "Major services",
        "Crowns, bridges and dentures. The member bears 50 % after the deductible.";
    /// Orthodontics.
    ORTHODONTICS = "6.4", "Orthodontics",
        "The member bears 50 %; no deductible applies.";

    /// Non-duplication.
    NON_DUPLICATION = "7.1", "Other plans: non-duplication",
        "Where another plan pays first, this one pays what its own benefit is more than all earlier payments, and never more than the last of them left to the patient. Its deductible is credited as if it were alone; its maximum counts only what it pays. Of a line that is not covered here, what the last earlier plan left is borne as the reason of the denial says.";
    /// Who is first.
    BIRTHDAY = "7.2", "Which plan pays first",
        "The plan that covers a person as subscriber pays before one that covers them as dependant. Of two plans that cover a child of parents who live together, that of the parent whose birthday is earlier in the year pays first; on one day, the one that has covered the parent longer. A court's order comes before both. The plan goes by the order that the claim states.";
    /// An earlier plan that says nothing.
    EARLIER_UNKNOWN = "7.3", "What the earlier plan paid",
        "A claim that names another plan but not which of them is first, or not what an earlier one decided of each line, waits until it does.";

    /// A pattern: all four quadrants on a day.
    FOUR_QUADRANTS = "8.1", "Review of root planing of the whole mouth",
        "Root planing of all four quadrants on one day is flagged for a person to look at. It is paid as any other.";
}
