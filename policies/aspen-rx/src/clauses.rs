//! The clauses of Aspen Rx: the text the family agreed to, beside the constants
//! that the code cites.

use tally_sdk::clauses;

clauses! {
    /// What the plan pays for.
    COVERED = "1.1", "Covered drugs",
        "The plan pays for the drugs in the formulary that is in force on the day of the fill. It pays the allowed amount (part 3), within the rules of part 4, less what the member bears (parts 5 and 6), and not what another plan pays (part 7).";
    /// How amounts are rounded.
    ROUNDING = "1.2", "Rounding",
        "A unit price has six decimal places and a quantity four. Their product, and a share of an amount, is rounded once, to the cent, a half cent upwards. The plan pays what remains after the member's share.";
    /// Claims of other kinds.
    OTHER_CLAIMS = "1.3", "Claims that are not for drugs",
        "Other claims than those of pharmacies, and of clinics for specialty drugs (3.4), are not covered by this plan. The member bears the charge.";
    /// Drugs that are not in the formulary.
    NOT_COVERED = "1.4", "Drugs that are not in the formulary",
        "A drug that is not in the formulary on the day of the fill is not covered. The member bears the charge.";

    /// Timely filing.
    TIMELY = "2.1", "Timely filing",
        "A claim, also one that replaces another, must reach the plan within 180 days after the fill. A later one is denied, and the pharmacy may not bill the member.";
    /// No code.
    NO_CODE = "2.2", "Missing drug code",
        "A line names its drug by a National Drug Code of eleven digits. One that does not is denied, and the pharmacy may not bill the member.";
    /// No quantity.
    NO_QUANTITY = "2.3", "Missing quantity",
        "A line without a quantity is denied, and the pharmacy may not bill the member.";

    /// The price.
    PRICE = "3.1", "Allowed amount",
        "The allowed amount is the lesser of the charge and the unit price times the quantity, with the dispensing fee of the pharmacy. The pharmacy may not bill the rest.";
    /// The network.
    NETWORK = "3.2", "Pharmacies in network",
        "Fills are covered at pharmacies in network on the day. Elsewhere the member bears the charge.";
    /// Specialty pharmacies.
    SPECIALTY = "3.3", "Specialty pharmacies",
        "Drugs of tier 5 are covered from a specialty pharmacy or a clinic in network, and a specialty pharmacy's and a clinic's other drugs are not. Elsewhere the member bears the charge.";
    /// The carve-in.
    GIVEN = "3.4", "Specialty drugs given in a clinic",
        "Drugs of tier 5 that a clinic in network gives are covered here, not by the medical plan, when its claim names the drug and its quantity. They are priced by the quantity of the drug, without a dispensing fee, and count no fills.";
    /// The brand penalty.
    BRAND = "3.5", "Brands that have a generic",
        "A brand that has a generic is allowed at the generic's price, unless the plan has authorised it. The member bears the difference; it counts toward nothing.";

    /// The size of a fill.
    FILL = "4.1", "Size of a fill",
        "A fill is covered up to what lasts 30 days by the formulary, or 90 days by mail. Of a larger one that quantity is covered, with its part of the allowed amount; the member bears the rest.";
    /// Quantity limits.
    QUANTITY = "4.2", "Quantity limits",
        "A drug in the table of quantities is covered up to that quantity within the days it names up to the day of the fill, that day among them. Of the fills of a claim those of earlier days come first, and those of one day as they stand on it; what was filled later does not count, also where the plan covered it before. Quantities count as billed, but for fills of which nothing is covered. Of a fill that passes it the quantity left is covered, with its part of the allowed amount; the member bears the rest.";
    /// Refills.
    REFILL = "4.3", "Refill too soon",
        "A drug may be filled again when three quarters of the days have passed that the last fill, of an earlier day or of the same one, lasts by the formulary. An earlier fill is denied, and the pharmacy may not bill the member. So is a fill that comes to the plan after a later one was covered, if three quarters of the days that it lasts itself had not passed by then. Of several fills on a claim the earliest is covered first, of one day the first that stands on it; one that is denied does not count.";
    /// Prior authorisation.
    AUTHORIZATION = "4.4", "Drugs to be authorised",
        "Drugs so marked in the formulary must be authorised before the fill. Without an authorisation on file the line is denied, and the pharmacy may not bill the member. The lines of a claim use authorisations up as they stand on it.";
    /// Step therapy.
    STEP = "4.5", "Step therapy",
        "A drug of tier 4 in the table of steps is covered when the plan covered a fill of one of its first steps, drugs of tier 1 or 2, in the 180 days before, the day itself not among them, or when it has authorised it. Such a fill may stand on the same claim. Otherwise the line is denied, and the pharmacy may not bill the member.";

    /// The order of cost sharing.
    ORDER = "5.1", "Order of cost sharing",
        "Of the allowed amount the member bears first what is left of the deductible, in tiers 3 to 5, then the copayment or the coinsurance of what remains. Each is taken only as far as the out-of-pocket limit still allows. Each counts toward the out-of-pocket limit, and only the deductible toward the deductible. The lines of a claim use deductible and limit up as they stand on it.";
    /// The deductible.
    DEDUCTIBLE = "5.2", "Deductible",
        "In tiers 3 to 5 each member has a deductible of 200.00 a calendar year, 250.00 from 2026, and the family of twice that. What a member bears toward the own deductible counts toward the family's. Nobody bears more once either is reached.";
    /// The out-of-pocket limit.
    OUT_OF_POCKET = "5.3", "Out-of-pocket limit",
        "No member bears more than 2,000.00 a calendar year, 2,100.00 from 2026, and no family more than twice that. Then the plan pays the allowed amount in full. What 3.5, 4.1 and 4.2 leave to the member and what is not covered does not count.";
    /// Mail order.
    MAIL = "5.4", "Mail order",
        "A mail-order pharmacy may fill what lasts 90 days. For a fill of more than 30 days the member bears twice the copayment, the minimum and the maximum of one month.";

    /// Vaccines.
    VACCINES = "6.1", "Vaccines",
        "The member bears nothing.";
    /// Tier 1.
    TIER1 = "6.2", "Tier 1: preferred generics",
        "A copayment of 5.00 a month, at most the allowed amount.";
    /// Tier 2.
    TIER2 = "6.3", "Tier 2: other generics",
        "A copayment of 15.00 a month, 18.00 from 2026, at most the allowed amount.";
    /// Tier 3.
    TIER3 = "6.4", "Tier 3: preferred brands",
        "After the deductible 25 %, at least 40.00 and at most 100.00 a month.";
    /// Tier 4.
    TIER4 = "6.5", "Tier 4: other brands",
        "After the deductible 40 %, at least 75.00 and at most 175.00 a month.";
    /// Tier 5.
    TIER5 = "6.6", "Tier 5: specialty drugs",
        "After the deductible 30 %, at least 100.00 and at most 250.00 a month.";

    /// Other plans.
    OTHERS = "7.1", "Other plans",
        "Where another plan pays first, this one pays the least of three amounts: what the last earlier plan left to the member; its own benefit; and what all earlier payments leave of the highest allowed amount, its own or that of an earlier plan, so that the plans together never pay more than that amount. Its deductible is credited as if it were alone; the out-of-pocket limit only by what the member still bears. Of a line that is not covered here, what the last earlier plan left is borne as the reason of the denial says.";
    /// An earlier plan that says nothing.
    EARLIER_UNKNOWN = "7.2", "What the earlier plan paid",
        "A claim that names another plan but not which of them is first, or not what an earlier one decided of each line, waits until it does.";

    /// A pattern: several pharmacies.
    SEVERAL = "8.1", "Review of several pharmacies",
        "A drug marked as watched in the table of quantities that the member also filled at another pharmacy within 30 days is flagged for a person to look at. It is paid as any other.";
}
