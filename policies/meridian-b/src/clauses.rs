//! The clauses of the Meridian plan: the text beside the constants that the
//! code cites.

use tally_sdk::clauses;

clauses! {
    /// What the plan pays for.
    COVERED = "1.1", "Covered services",
        "The plan pays for the services in the fee schedule that is in force on the date of service: the allowed amount (part 4), less what the member bears and the reductions of part 5.";
    /// How amounts are rounded.
    ROUNDING = "1.2", "Rounding",
        "A fee times units, and a share of an amount, is rounded once, to the cent, a half cent upwards. The plan pays what remains after the member's share.";
    /// Claims of other kinds.
    OTHER_CLAIMS = "1.3", "Dental, vision and pharmacy claims",
        "Dental, vision and pharmacy claims are not covered by this plan. The member bears the charge.";

    /// Timely filing.
    TIMELY = "2.1", "Timely filing",
        "A claim, also one that replaces another, must reach the plan within one calendar year after the last day of the service. A later one is denied, and the supplier may not bill the member.";
    /// No code.
    NO_CODE = "2.2", "Missing procedure",
        "A line without a procedure is denied, and the supplier may not bill the member.";
    /// A code that is not in the schedule.
    INVALID_CODE = "2.3", "Code not valid on the date of service",
        "A line whose code is not in the fee schedule on the date of service is denied, and the supplier may not bill the member.";
    /// No units.
    NO_UNITS = "2.4", "Missing units",
        "A line without units of service is denied, and the supplier may not bill the member.";
    /// An unknown supplier.
    UNKNOWN_SUPPLIER = "2.5", "Suppliers unknown to the plan",
        "A claim with a line of a supplier who is not in the directory on the date of service waits until the supplier is enrolled.";
    /// By report.
    BY_REPORT = "2.6", "Services priced by report",
        "A claim with a service priced by report waits until its documentation is reviewed and a price is set.";
    /// Not covered.
    NOT_COVERED = "2.7", "Services not covered",
        "Routine eye and hearing services, cosmetic surgery, and services so marked in the fee schedule are not covered. The member bears the charge.";
    /// Excluded providers.
    EXCLUDED = "2.8", "Excluded providers",
        "Nothing is paid for what a supplier gives or bills who stands in the table of exclusions on a day of the service: the line is denied, and the supplier may not bill the member. Where a state has waived the exclusion the claim waits until it is known whether it was in that state.";
    /// Diagnoses.
    DIAGNOSIS = "2.9", "Diagnosis not valid on the date of service",
        "A line that points to a diagnosis which may not be billed on the date of service, as the table of diagnoses says, is denied, and the supplier may not bill the member: a code that has ended, has not begun, or only heads others. A code that is not in the table is valid.";

    /// Units a line.
    UNITS_LINE = "3.1", "Most units of a line",
        "Of a line with more units than the table of units allows a line, all units are denied, and the supplier may not bill the member.";
    /// Units a day.
    UNITS_DAY = "3.2", "Most units of a day",
        "Where the lines of one service, supplier and day have together more units than the table of units allows a day, those that earlier claims were paid for included, all units of the claim are denied, and the supplier may not bill the member. A line that is denied by another clause does not count. What an earlier claim was paid for is left: of units on two claims those of the later one are denied, though the same on one claim would all be.";
    /// Units a day, appealable.
    UNITS_DAY_APPEAL = "3.3", "Most units of a day, with appeal",
        "As 3.2; the supplier may appeal with the records of the service.";
    /// Pairs on one claim.
    PAIRS = "3.4", "Services not paid together",
        "Of two services of one supplier and day that stand in the table of pairs, the one in column 2 is denied and the supplier may not bill the member: always with indicator 0; with indicator 1 unless a modifier of either line stands in the table of modifiers of separate services on its day. A line that is itself denied, by whatever clause, denies no other.";
    /// Pairs with earlier claims.
    PAIRS_EARLIER = "3.5", "Services not paid together, over claims",
        "The same holds with a service of an earlier claim that was not denied; only the modifiers of the later line count. When the earlier service is the one in column 2, the later line is denied as included in what was paid.";
    /// Frequency.
    FREQUENCY = "3.6", "Frequency of preventive services",
        "A service in the table of frequency is covered only when more than the days stated lie between it and any other of its kind that was covered, before it or after it. Otherwise it is denied, and the supplier may not bill the member. Of several on one claim the earliest is covered, of one day the first that stands on it; one that is denied by another clause does not count. The units of a day come first: where lines of one claim have together more than 3.2 or 3.3 allows, all are denied by that.";

    /// The fee.
    FEE = "4.1", "Allowed amount",
        "The allowed amount is the lesser of the charge and the fee times the units. The supplier may not bill the rest.";
    /// Modifiers.
    MODIFIERS = "4.2", "Modifiers",
        "A modifier in the table of modifiers multiplies the fee: both sides 150 % where the fee schedule permits it, the reading alone 40 %, the technical part alone 60 %, an assisting physician 16 %, another assistant 13.6 %, each of two surgeons 62.5 %, a reduced or discontinued service 50 %. Of those of one group (who operates; which part; how much of it) the first counts; those of different groups multiply.";
    /// Several procedures.
    MULTIPLE = "4.3", "Several procedures",
        "Of the procedures of one supplier and day on one claim that are so marked in the fee schedule, the one with the highest fee is paid by its fee, the first of equal ones; the allowed amount of the second to the fifth is at most half of their fees, of each further one a quarter. Lines that are denied do not count.";
    /// Suppliers who do not participate.
    NONPARTICIPATING = "4.4", "Suppliers who do not participate",
        "The fee of a supplier who does not participate on the date of service is 95 % of the fee schedule. The supplier has accepted assignment for this claim and may not bill the rest.";
    /// Laboratory.
    LABORATORY = "4.5", "Laboratory",
        "The plan pays the whole allowed amount of laboratory services: no deductible, no coinsurance.";
    /// Preventive services.
    PREVENTIVE = "4.6", "Preventive services",
        "The plan pays the whole allowed amount of the preventive services in the fee schedule: no deductible, no coinsurance.";
    /// Assistants and co-surgeons.
    SURGEONS = "4.7", "Assistants and co-surgeons",
        "Whether an assistant at surgery, and a second surgeon, is paid stands in the table of surgeons: where it says no the line is denied, and the supplier may not bill the member; where it says that documents must show the need the claim waits for them. A procedure that is not in the table needs neither.";
    /// Relative values.
    VALUES = "4.8", "Fees by relative values",
        "A service that stands in the table of relative values has the fee of its supplier's locality: work, practice expense and malpractice, each times the locality's index, together times the conversion factor. In a facility its own practice expense counts. The product, with modifiers and units, is rounded once.";
    /// Reasonable charges.
    REASONABLE = "4.9", "Services that are not on the fee schedule",
        "For dialysis and blood the amount that stands in the fee schedule is the most that is reasonable; they count as services that are not on a fee schedule (7.2).";

    /// The deductible.
    DEDUCTIBLE = "5.1", "Annual deductible",
        "Of medical services the member bears first the deductible of the calendar year: 257.00 in 2025, 283.00 from 2026. The lines of a claim use it up in the order in which they stand on it.";
    /// Coinsurance.
    COINSURANCE = "5.2", "Coinsurance",
        "Of what remains the member bears 20 %.";
    /// Sequestration.
    SEQUESTRATION = "5.3", "Sequestration",
        "The payment that remains after cost sharing is reduced by 2 %, by 1 % for services before April 2025. The supplier may not bill the reduction.";

    /// A pattern: pairs kept apart by a modifier.
    SEPARATED = "6.1", "Review of separated pairs",
        "A service that is paid only because a modifier so marked in the table of modifiers of separate services (59, XE, XP, XS, XU) keeps it apart from another is flagged for a person to look at. It is paid as any other.";
    /// A pattern: high visits for laboratory reasons.
    HIGH_VISIT = "6.2", "Review of the highest office visits",
        "An office visit of the highest level whose diagnoses are all screening or laboratory findings is flagged for a person to look at. It is paid as any other.";

    /// After another payer, on the fee schedule.
    LOWEST_OF_THREE = "7.1", "After another payer: the lowest of three",
        "Where the claim says that another payer comes first, the plan pays for a service of the fee schedule the lowest of: the charge less that payer's payment; what the plan would pay alone; the higher of its own and that payer's allowed amount, less that payment (42 CFR 411.33 (a)). For the charge stands what the supplier must accept, where that is less. The deductible is credited as if there were no other payer. Sequestration is of what is left to pay.";
    /// After another payer, other services.
    LOWEST_OF_FOUR = "7.2", "After another payer: the lowest of four",
        "For a service that is not on the fee schedule it pays the lowest of: the gross amount less deductible and coinsurance; the gross amount less that payer's payment; the charge less that payment; the charge less deductible and coinsurance (42 CFR 411.33 (e)).";
    /// An earlier decision that is missing or does not add up.
    UNCLEAR = "7.3", "What an earlier payer decided is not clear",
        "Where the decision of an earlier payer is missing for a line or does not add up to its charge, the claim waits for that payer's remittance.";
    /// Nothing of an earlier payer.
    OTHERS_FIRST = "7.4", "Another payer comes first",
        "Where the claim says that another payer comes first and nothing of that payer is there, the lines are denied until it has decided. The member is not to be billed for that.";
    /// Accidents.
    ACCIDENT = "7.5", "Accidents at work and with a vehicle",
        "A claim for care after an accident at work or with a vehicle waits for the decision of the insurer of the work or of the vehicle, unless the claim has it.";
}
