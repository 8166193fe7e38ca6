//! What does not fit, by the codes of the acknowledgements. The words are our own.

/// Declares a list of codes with what each says.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal, $says:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = $says] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code, as an acknowledgement has it.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it says.
            #[must_use]
            pub fn says(self) -> &'static str {
                match self { $(Self::$variant => $says,)* }
            }
        }
    };
}

codes! {
    /// About an interchange: TA105.
    InterchangeCode {
        ControlNumber = "018", "the control number is not one";
        ControlNumbersDiffer = "001", "the control numbers of ISA and IEA differ";
        Version = "017", "the version of the interchange is not one that is read";
        TestIndicator = "020", "the test indicator is neither P nor T";
        GroupCount = "021", "the number of functional groups is not the one the trailer says";
        Structure = "022", "the envelope has no sound structure";
        Truncated = "023", "the file ends before the interchange does";
        Content = "024", "the interchange holds something that is of no functional group";
        Empty = "024", "the interchange holds nothing";
        Authorization = "010", "the qualifier of the authorisation information is not one";
        AuthorizationText = "011", "the authorisation information is not ten characters";
        SecurityText = "013", "the security information is not ten characters";
        Sender = "006", "the sender is none, or not fifteen characters";
        Receiver = "008", "the receiver is none, or not fifteen characters";
        Repetition = "016", "the repetition separator cannot be one";
        Acknowledgement = "019", "whether an acknowledgement is asked for is not said";
        Security = "012", "the qualifier of the security information is not one";
        SenderQualifier = "005", "the qualifier of the sender is not one";
        ReceiverQualifier = "007", "the qualifier of the receiver is not one";
        Date = "014", "the date is none";
        Time = "015", "the time is none";
        ElementSeparator = "026", "the element separator cannot be one";
        SegmentTerminator = "004", "the segment terminator cannot be one";
        Component = "027", "the component separator cannot be one";
        GroupHeader = "024", "the header of a functional group is at fault, and that group is not taken";
        ComponentSeparator = "027", "composite elements are separated by another character than ISA16 names";
    }
}

codes! {
    /// About a functional group: AK905 to AK909.
    GroupCode {
        NotSupported = "1", "this kind of functional group is not read";
        Version = "2", "this version is not read";
        TrailerMissing = "3", "the group has no trailer";
        ControlNumbersDiffer = "4", "the control numbers of GS and GE differ";
        SetCount = "5", "the number of transaction sets is not the one the trailer says";
        ControlNumber = "6", "the group's control number is not one";
        Sender = "1", "the application that sends the group is none";
        Receiver = "1", "the application that the group is for is none";
        Date = "1", "the group's date is none";
        Time = "1", "the group's time is none";
        Agency = "2", "the agency whose version it is, GS07, is not X12 (X)";
    }
}

impl InterchangeCode {
    /// Whether it is only noted: it hides nothing, or is of a group that is refused by
    /// itself.
    #[must_use]
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::ComponentSeparator | Self::GroupHeader)
    }
}

impl GroupCode {
    /// Whether it is of an element that no code for groups names: the interchange's
    /// acknowledgement says so beside it.
    #[must_use]
    pub fn is_of_header(self) -> bool {
        matches!(
            self,
            Self::Sender | Self::Receiver | Self::Date | Self::Time
        )
    }
}

codes! {
    /// About a transaction set: IK502 to IK506.
    SetCode {
        NotSupported = "1", "this transaction set is not read";
        TrailerMissing = "2", "the transaction set has no trailer";
        ControlNumbersDiffer = "3", "the control numbers of ST and SE differ";
        SegmentCount = "4", "the number of segments is not the one the trailer says";
        Segments = "5", "segments are in error";
        Identifier = "6", "ST01 names no transaction set";
        ControlNumber = "7", "ST02 is no control number";
        NotUnique = "23", "the control number stands twice in the group";
        NotInGroup = "18", "the transaction set is none of its functional group's kind";
        OtherVersion = "19", "ST03 names another implementation guide than the group";
        Version = "I6", "this implementation guide is not read";
    }
}

codes! {
    /// About a segment: IK304.
    SegmentCode {
        Unrecognised = "1", "there is no segment of this name";
        Unexpected = "2", "this segment has no place here";
        Missing = "3", "a segment that must be there is missing";
        LoopTooOften = "4", "the loop stands more often than it may";
        TooOften = "5", "the segment stands more often than it may";
        NotInSet = "6", "this transaction set has no such segment";
        OutOfOrder = "7", "the segment stands in the wrong place";
        Elements = "8", "elements of the segment are in error";
        NotUsed = "I4", "the guide does not use this segment here";
    }
}

codes! {
    /// About an element: IK403.
    ElementCode {
        Missing = "1", "an element that must be there is missing";
        Dependent = "2", "an element that another asks for is missing";
        TooMany = "3", "the segment has more elements than it may";
        TooShort = "4", "the element is too short";
        TooLong = "5", "the element is too long";
        Character = "6", "the element has a character it may not have";
        Value = "7", "the code is not one of those that may stand here";
        Date = "8", "the date is none";
        Time = "9", "the time is none";
        Excluded = "10", "the element may not stand beside another";
        Repeats = "12", "the element is repeated more often than it may";
        Components = "13", "the element has more components than it may";
        NotUsed = "I10", "the guide does not use this element here";
    }
}

impl ElementCode {
    /// Whether what was meant is plain all the same, so that it is noted and
    /// nothing is refused for it.
    #[must_use]
    pub fn is_harmless(self) -> bool {
        self == Self::NotUsed
    }
}

/// Where in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The element, from one.
    pub element: u16,
    /// The component, from one.
    pub component: Option<u16>,
    /// The repeat, from one, where it is not the first.
    pub repeat: Option<u16>,
}

impl core::fmt::Display for At {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02}", self.element)?;
        if let Some(component) = self.component {
            write!(f, "-{component}")?;
        }
        match self.repeat {
            Some(repeat) => write!(f, " (repeat {repeat})"),
            None => Ok(()),
        }
    }
}

/// Something in a transaction set that does not fit its guide. It quotes nothing
/// of the file but the names of segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The segment's number in the transaction set, the ST being one. Of what is
    /// missing, the number it would have.
    pub segment: u32,
    /// Its name; at most three characters of what stands there.
    pub tag: String,
    /// The loop it is in, or belongs to.
    pub loop_id: &'static str,
    /// About the segment as a whole.
    pub code: SegmentCode,
    /// About an element of it.
    pub element: Option<(At, ElementCode)>,
    /// What is meant, in the words of the guide: `billing provider name`.
    pub what: &'static str,
    /// Whether claims are refused for it; what is not is noted.
    pub fatal: bool,
}

impl Fault {
    /// In a sentence, for people.
    #[must_use]
    pub fn says(&self) -> String {
        let mut said = match self.element {
            Some((_, code)) => code.says().to_owned(),
            None => self.code.says().to_owned(),
        };
        if !self.what.is_empty() {
            said.push_str(": ");
            said.push_str(self.what);
        }
        said
    }

    /// Where: `segment 12, 2010AA NM1-03`.
    #[must_use]
    pub fn place(&self) -> String {
        let at = self.element.map(|(at, _)| format!("-{at}"));
        let within = match self.loop_id {
            "" => String::new(),
            id => format!("{id} "),
        };
        let at = at.unwrap_or_default();
        let place = format!("segment {}, {within}{}{at}", self.segment, self.tag);
        // A segment without a name.
        place.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_where_and_what() {
        let mut fault = Fault {
            segment: 12,
            tag: "NM1".into(),
            loop_id: "2010AA",
            code: SegmentCode::Elements,
            element: Some((
                At {
                    element: 3,
                    component: None,
                    repeat: None,
                },
                ElementCode::Missing,
            )),
            what: "billing provider name",
            fatal: true,
        };
        assert_eq!(fault.place(), "segment 12, 2010AA NM1-03");
        assert_eq!(
            fault.says(),
            "an element that must be there is missing: billing provider name"
        );
        fault.element = None;
        fault.code = SegmentCode::Missing;
        assert_eq!(fault.place(), "segment 12, 2010AA NM1");
    }

    #[test]
    fn codes_are_not_used_twice() {
        let mut codes: Vec<_> = ElementCode::ALL.iter().map(|code| code.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ElementCode::ALL.len());
    }
}
