//! Adjustment groups and reason codes.

use core::fmt;

/// Who bears an adjustment (X12 CAS01).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Contractual obligation: the provider writes it off.
    Co,
    /// Patient responsibility.
    Pr,
    /// Other adjustment.
    Oa,
    /// Payer-initiated reduction.
    Pi,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Co => "CO",
            Self::Pr => "PR",
            Self::Oa => "OA",
            Self::Pi => "PI",
        })
    }
}

/// A claim adjustment reason code (CARC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Carc(pub u16);

impl Carc {
    /// 1: deductible.
    pub const DEDUCTIBLE: Self = Self(1);
    /// 2: coinsurance.
    pub const COINSURANCE: Self = Self(2);
    /// 3: copayment.
    pub const COPAY: Self = Self(3);
    /// 6: the procedure does not go with the patient's age.
    pub const AGE: Self = Self(6);
    /// 16: lacks information or has a billing error.
    pub const LACKS_INFORMATION: Self = Self(16);
    /// 13: after the patient's death.
    pub const AFTER_DEATH: Self = Self(13);
    /// 18: exact duplicate.
    pub const EXACT_DUPLICATE: Self = Self(18);
    /// 23: what earlier payers did, their payments and their adjustments.
    pub const PRIOR_PAYERS: Self = Self(23);
    /// 26: before coverage began.
    pub const BEFORE_COVERAGE: Self = Self(26);
    /// 27: after coverage ended.
    pub const AFTER_COVERAGE: Self = Self(27);
    /// 29: the time limit for filing has passed.
    pub const TIMELY_FILING: Self = Self(29);
    /// 31: the patient cannot be identified as our insured.
    pub const MEMBER_UNKNOWN: Self = Self(31);
    /// 35: the lifetime maximum has been reached.
    pub const LIFETIME_MAXIMUM: Self = Self(35);
    /// 45: above the fee schedule or contracted amount.
    pub const ABOVE_FEE_SCHEDULE: Self = Self(45);
    /// 50: not medically necessary.
    pub const NOT_NECESSARY: Self = Self(50);
    /// 54: more doctors or assistants than are covered.
    pub const TOO_MANY_SURGEONS: Self = Self(54);
    /// 59: reduced by multiple-procedure rules.
    pub const MULTIPLE_PROCEDURE: Self = Self(59);
    /// 94: processed in excess of charges.
    pub const EXCESS_OF_CHARGES: Self = Self(94);
    /// 96: not covered.
    pub const NOT_COVERED: Self = Self(96);
    /// 97: included in another service.
    pub const INCLUDED: Self = Self(97);
    /// 104: withheld by contract.
    pub const WITHHOLD: Self = Self(104);
    /// 119: the benefit maximum has been reached.
    pub const BENEFIT_MAXIMUM: Self = Self(119);
    /// 151: this many or this frequency is not supported.
    pub const FREQUENCY: Self = Self(151);
    /// 154: the supply for so many days is not supported.
    pub const DAYS_SUPPLY: Self = Self(154);
    /// 169: allowed as an alternate benefit.
    pub const ALTERNATE_BENEFIT: Self = Self(169);
    /// 179: the waiting period is not over.
    pub const WAITING_PERIOD: Self = Self(179);
    /// 181: the procedure code was invalid on the date of service.
    pub const INVALID_CODE: Self = Self(181);
    /// 197: no prior authorisation.
    pub const NO_AUTHORIZATION: Self = Self(197);
    /// 204: not covered under the patient's plan.
    pub const NOT_COVERED_PLAN: Self = Self(204);
    /// 222: over the contracted number of units.
    pub const OVER_UNITS: Self = Self(222);
    /// 236: not payable with another procedure (NCCI).
    pub const NCCI: Self = Self(236);
    /// 242: not by a network provider.
    pub const OUT_OF_NETWORK: Self = Self(242);
    /// 253: sequestration.
    pub const SEQUESTRATION: Self = Self(253);
    /// 272: the plan's guidelines were not met.
    pub const GUIDELINES_NOT_MET: Self = Self(272);
    /// 273: the plan's guidelines were exceeded.
    pub const GUIDELINES_EXCEEDED: Self = Self(273);
}

impl fmt::Display for Carc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which code list a procedure code is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum CodeSystem {
    /// The sender named none.
    #[default]
    Unspecified,
    /// HCPCS levels I (CPT) and II.
    Hcpcs,
    /// CDT, dental.
    Cdt,
    /// NDC, drugs.
    Ndc,
    /// RxNorm, drugs.
    RxNorm,
    /// SNOMED CT.
    Snomed,
    /// ICD-10-PCS, inpatient procedures.
    Icd10Pcs,
    /// NUBC revenue codes.
    Revenue,
    /// Another list, named by the sender.
    Other,
}
