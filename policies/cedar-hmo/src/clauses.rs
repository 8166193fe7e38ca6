//! The clauses of the Cedar HMO: the text the family agreed to, beside the
//! constants that the code cites.

use tally_sdk::clauses;

clauses! {
    /// What the plan pays for.
    COVERED = "1.1", "Covered services",
        "The plan pays for the services in the schedule of services that is in force on the date of service, and for hospital stays. It pays the allowed amount (part 3), within the limits of part 4, less what the member bears (parts 5 and 7).";
    /// How amounts are rounded.
    ROUNDING = "1.2", "Rounding",
        "A price times units, a share of a charge and a weighted price is rounded once, to the cent, a half cent upwards. A price of the whole claim is spread over its lines by their charges, so that they sum to it exactly.";
    /// Claims of other kinds.
    OTHER_CLAIMS = "1.3", "Dental, vision and pharmacy claims",
        "Dental, vision and pharmacy claims are not covered by this plan. The member bears the charge.";

    /// Timely filing.
    TIMELY = "2.1", "Timely filing",
        "A claim, also one that replaces another, must reach the plan within 90 days after the last day of the service. A later one is denied, and the provider may not bill the member.";
    /// No code.
    NO_CODE = "2.2", "Missing procedure",
        "A line that names neither a procedure nor a revenue code is denied, and the provider may not bill the member.";
    /// A code that is not in the schedule.
    INVALID_CODE = "2.3", "Code not valid on the date of service",
        "A line whose code is not in the schedule of services on the date of service is denied, and the provider may not bill the member. The lines of a stay need not be in it.";
    /// No units.
    NO_UNITS = "2.4", "Missing units",
        "A line without units of service is denied, and the provider may not bill the member.";
    /// Unlisted procedures and stays without a price.
    BY_HAND = "2.5", "Services without a price",
        "A claim with an unlisted procedure, and a stay for which no price is agreed, also a stay by the day with a room that has no daily price, waits until the records of the service are reviewed and a price is agreed. An unlisted procedure on the bill of a stay is part of the stay's price, and does not let it wait.";

    /// Professional fees.
    FEE = "3.1", "Allowed amount of professional services",
        "The allowed amount is the lesser of the charge and the contracted fee times the units. The provider may not bill the rest.";
    /// Outpatient hospital services.
    OUTPATIENT = "3.2", "Allowed amount of outpatient hospital services",
        "Of a hospital's outpatient line the percentage of the charge that is contracted on the line's date of service is allowed, at most the hospital's cap. The hospital may not bill the rest.";
    /// Per diem.
    PER_DIEM = "3.3", "Stays by the day",
        "Of a stay the sum of the daily prices of its rooms is allowed: one price for each of its first three days, another from the fourth; at most the charges of the claim. A room is a line with a revenue code of 0100 to 0219, whatever procedure it also has; the revenue code has the price. Which day of the stay a day is, is counted from the day of admission by the date on which the line of the room begins, in whatever order the lines stand and on whichever bill of the stay. A day that is taken, by a day that the hospital was paid on an earlier bill or by a room of the same bill that begins earlier (of those that begin on one day the one that ends earlier, then the lower revenue code), is the next day of the stay that is not: of a stay whose second day is on file, a room of two days from the first has the first and the third. Lines that are denied have no price. Everything else that the hospital bills for the stay is in it.";
    /// Diagnosis-related groups.
    GROUP = "3.4", "Stays by diagnosis-related group",
        "A stay whose group stands in the table of groups on the day of admission is allowed at the group's weight times the hospital's base rate, both those of the day of admission, whatever was charged. It is the price of the whole stay (3.8). Of a stay that ends in a transfer to another hospital (discharge status 02) it is that amount times one more than its days, divided by the group's mean stay, and never more than the whole; the amount is rounded to the cent before that and after it.";
    /// Case rates.
    CASE_RATE = "3.5", "Case rates of births",
        "The stay of a delivery, and that of a healthy newborn, is allowed at the case rate of its group on the day of admission, whatever was charged and however long it was. It is the price of the whole stay (3.8).";
    /// In network only.
    NETWORK = "3.6", "In network only",
        "What is received of a provider who is not in the network on the date of service is not covered, emergencies apart. The member bears the charge. The provider that counts is who renders the service, on a professional claim; on an institutional claim it is the hospital that bills, whomever a line names, and of a stay the day of admission counts for all of it.";
    /// Emergencies out of network.
    EMERGENCY = "3.7", "Emergencies out of network",
        "A service is an emergency when the provider marks it so, when it is given in an emergency room (place of service 23) or is an emergency room service: when the schedule has the line's procedure as one or, of a line without a procedure, its revenue code. The revenue code of a line that has a procedure makes none. A stay is one, with all that is on its bill, when the admission was (type 1), and otherwise no line of it is: neither a mark nor an emergency room on the bill of a stay makes one. An emergency out of network is allowed and shared as in network, a hospital's at the plan's own rates for such cases, needs neither authorisation nor referral, and the provider may not bill the rest.";
    /// One price of a stay.
    ONE_PRICE = "3.8", "Further bills of a stay",
        "A price by the group or a case rate is for the whole stay, on whichever of its bills is paid first. Of a further bill of it, whether it has rooms or not, and of a further bill without any room of a stay by the day, nothing more is allowed: its lines are included in what was paid before, and neither the plan nor the member owes anything for them. A further bill is one of a stay of which days of room are on file: paid on an earlier institutional claim of the same hospital, on lines that begin from the day of admission to the last day of the bill. The day of discharge has no room; where the patient is still there (discharge status 30) the days are counted to 30 days after the bill, since a later bill may have come first. Rooms are revenue codes 0100 to 0219; which procedure and whom their lines name does not matter. A bill without any room of which no days of room are on file is not a further bill, and is priced on its own: by the group or a case rate it is allowed the whole price, and a stay by the day has none without a room and waits (2.5). Since it has no days of room it makes no later bill a further one, so that a later bill with rooms is allowed its price too: a hospital sends the bill with the rooms first, or replaces the one without. A bill is priced by the group that it states itself. A hospital whose first bill was not for the whole stay, or states another group, replaces that bill.";

    /// Services denied without an authorisation.
    AUTHORIZED_BEFORE = "4.1", "Services to be authorised beforehand",
        "Magnetic resonance, planned surgery in a hospital, and equipment, as marked in the schedule, must be authorised before the service. An emergency (3.7) needs none, in the network or out of it, and uses up what there is. A service whose code is authorised uses the authorisation up wherever it is paid, on the bill of a stay too, where it needs none. Without an authorisation on file the line is denied, and the provider may not bill the member.";
    /// Stays that wait for an authorisation.
    AUTHORIZED_AFTER = "4.2", "Stays to be authorised",
        "The days of a room (revenue codes 0100 to 0219) must be authorised, before the stay or afterwards, by the room's revenue code, whatever procedure its line also has; births and emergencies need no authorisation. Days that were paid on earlier claims have used authorisations of their room up; days whose lines have a procedure, the first on file that is good for them. Without one on file the claim waits for it.";
    /// The therapy limit.
    THERAPY_LIMIT = "4.3", "Therapy limit",
        "Therapy is limited to 60 units for each member and calendar year; a begun unit counts whole. Of a line that passes the limit the units left are covered, with their part of the allowed amount; the member bears the rest.";
    /// Cosmetic services.
    COSMETIC = "4.4", "Cosmetic services",
        "Cosmetic services are not covered. The member bears the charge. What the hospital bills of them on the bill of a stay is part of the stay's price.";
    /// Convenience items.
    CONVENIENCE = "4.5", "Items of convenience",
        "Items of convenience are not covered, in a stay neither. The member bears the charge.";

    /// Copayments alone.
    COPAYS = "5.1", "Copayments",
        "The member bears copayments and nothing else: there is no deductible and no coinsurance. A copayment is never more than the allowed amount, and is taken only as far as the out-of-pocket limit still allows.";
    /// One copayment a visit.
    VISIT = "5.2", "One copayment a visit",
        "Where a copayment is by the visit, the lines of one provider and day on one claim that are covered share one, the highest of theirs, in whatever order they stand: each bears of it what it is worth, and a line that is worth less leaves the rest to the next. On a professional claim what the visit had before counts: the highest copayment by the visit of the services that the same provider rendered that day and that were paid on earlier professional claims, whoever billed them, is taken as borne in full, and only what the visit's is above it is borne now. An institutional claim has a visit of its own. The provider is who renders the service, on a professional claim; on an institutional claim it is the hospital that bills, whomever a line names.";
    /// By the day, within an episode.
    EPISODE = "5.3", "Copayments of stays",
        "Where a copayment is by the day it is borne for each of the first four days of room of an episode, at the amount of the day of admission. Days of room (revenue codes 0100 to 0219, with a daily price or without, whatever procedure their lines also have) count where their lines are paid; a bill that has no line of a room counts its nights. A bill goes on with the count of the days of room that earlier claims were paid on lines that begin from 30 days before the admission to the last day of the bill, counted as in 3.8, the days of rooms that began earlier and reach into these days included, lines of one revenue code and first day taken as one: so further bills of a stay go on with it. A copayment by the admission is borne once for it, on the bill that is allowed the price (3.8).";
    /// The out-of-pocket limit.
    OUT_OF_POCKET = "5.4", "Out-of-pocket limit",
        "No member bears more than 3,000.00 of copayments a calendar year, 3,500.00 from 2026, and no family more than 6,000.00, 7,000.00 from 2026. Then the plan pays the allowed amount in full. What is not covered or above a limit of part 4 does not count.";
    /// Pools.
    POOLS = "5.5", "Change between plans of Larch Mutual",
        "A member who changes within the year between this plan and another of Larch Mutual keeps what was borne: the out-of-pocket limit goes on between all of its plans.";

    /// Referral.
    REFERRAL = "6.1", "Referral",
        "A visit to a specialist needs a referral of the member's primary-care provider that is on file with the plan: to this specialist or, where none is, to anybody, for what is done, good on all days of the visit, with units left for all of it. Of a referral to a specialist each unit of service that they render or bill and that is paid uses one up. Referrals to anybody are used by the office visits that are paid, on whatever claim, but not by those that primary care or obstetrics and gynaecology renders, nor by those that a specialist renders or bills to whom a referral is on file that is good for what is done and for all of the visit's days. Which of several referrals to anybody a visit uses does not matter: it is referred where all of its units fit on these referrals beside as many units of the visits before it, on earlier claims and earlier lines, as fit without it, each unit on one that is good for its procedure and all days of its visit. An emergency visit is not denied for want of a referral. Of one to anybody it uses as many units as fit, all or some, on an earlier claim as on an earlier line; of one to a specialist all of its units or none. A line that is paid uses all of its units, of referrals and of authorisations, also where a limit of part 4 pays some of them only. Of earlier claims a procedure is a visit, and a provider is of primary care or of obstetrics and gynaecology, where they were on the first day of the last service of the procedure that began within the days for which the same referrals are good. The number that a claim names is not enough by itself. Primary care, obstetrics and gynaecology, mental health, preventive services and emergencies need no referral.";
    /// No referral.
    NO_REFERRAL = "6.2", "No referral",
        "Without any referral on file the visit is denied, and the specialist may not bill the member.";
    /// A referral that is not good for it.
    NOT_REFERRED = "6.3", "Not what was referred",
        "Where there is a referral on file, but to somebody else, for other days or used up, the visit was not authorised by the primary-care provider: it is denied, and the specialist may not bill the member.";
    /// A referral that is not on file.
    REFERRAL_AWAITED = "6.4", "A referral that is not on file",
        "Where the claim names a referral and none that is good for the visit is on file, the claim waits for it.";

    /// Primary care.
    PRIMARY = "7.1", "Primary care visits",
        "Office visits with a primary-care provider: 20.00 a visit, 25.00 from 2026.";
    /// Specialists.
    SPECIALIST = "7.2", "Specialist visits",
        "Office visits with a specialist, referred: 40.00 a visit, 45.00 from 2026.";
    /// Obstetrics and gynaecology.
    WOMEN = "7.3", "Obstetrics and gynaecology",
        "Office visits with obstetrics and gynaecology, without a referral: as primary care.";
    /// Preventive services.
    PREVENTIVE = "7.4", "Preventive services",
        "Preventive visits, immunisations and screening: nothing.";
    /// Urgent care.
    URGENT = "7.5", "Urgent care",
        "50.00 a visit.";
    /// Emergency room.
    EMERGENCY_ROOM = "7.6", "Emergency room",
        "150.00 a visit, on the hospital's claim, and for the physicians nothing. Nothing when the member is admitted: when the emergency room is on the bill of the stay, or when days of room of the same hospital that begin on the day of the visit or the day after it are on file, paid on an earlier claim (3.8 says which). Where the visit is decided before the stay is on file the copayment is borne and stays so: the stay does not reopen it, and a claim that replaces that of the visit stands in its place. It falls away where the hospital withdraws the claim of the visit and sends it anew.";
    /// Laboratory and imaging.
    DIAGNOSTIC = "7.7", "Laboratory and imaging",
        "Nothing.";
    /// Magnetic resonance.
    ADVANCED = "7.8", "Magnetic resonance",
        "75.00 a service.";
    /// Surgery in a hospital.
    SURGERY = "7.9", "Outpatient surgery",
        "200.00 a visit, on the hospital's claim.";
    /// Physicians' procedures.
    PROCEDURE = "7.10", "Procedures",
        "For what physicians bill beside a visit, a stay or surgery: nothing.";
    /// Therapy.
    THERAPY = "7.11", "Therapy",
        "20.00 a visit.";
    /// Mental health.
    MENTAL = "7.12", "Mental health",
        "As primary care, without a referral.";
    /// Stays.
    STAY = "7.13", "Hospital stays",
        "250.00 a day, for four days of an episode at most.";
    /// Delivery.
    DELIVERY = "7.14", "Delivery",
        "400.00 an admission, however many bills it has.";
    /// Newborns.
    NEWBORN = "7.15", "Newborns",
        "The stay of a healthy newborn: nothing.";
    /// Equipment.
    EQUIPMENT = "7.16", "Medical equipment",
        "10.00 a line.";
    /// Transport.
    TRANSPORT = "7.17", "Transport",
        "100.00 a trip.";

    /// Coordination.
    COORDINATION = "8.1", "After another payer",
        "Where the claim says that another payer comes first, the plan pays the lesser of its own benefit and what is unpaid of its own allowed amount, which its providers accept in full. What earlier payers did is shown as one amount. The out-of-pocket limit is credited as if there were no other payer.";
    /// An earlier decision that is missing or does not add up.
    UNCLEAR = "8.2", "What an earlier payer decided is not clear",
        "Where the decision of an earlier payer is missing for a line or does not add up to its charge, the claim waits for that payer's remittance.";
    /// Nothing of an earlier payer.
    OTHERS_FIRST = "8.3", "Another payer comes first",
        "Where the claim says that another payer comes first and nothing of that payer is there, the lines are denied until it has decided. The member is not to be billed for that.";
    /// Accidents at work or with a vehicle.
    ACCIDENT = "8.4", "Accidents at work and with a vehicle",
        "Care after an accident at work or with a vehicle is for the insurer of the work or of the vehicle: unless its decision stands on the claim, the lines are denied. The member is not to be billed for that.";
}
