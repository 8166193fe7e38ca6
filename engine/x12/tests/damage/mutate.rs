//! Damage to a file of transaction sets, one place at a time.

/// A damaged file.
pub struct Damage {
    /// The file.
    pub text: String,
    /// What was done.
    pub what: String,
    /// The number of the first segment, in its transaction set, that is not as it
    /// was; none in the envelopes.
    pub segment: Option<u32>,
    /// The element that was made unsound, where one was for certain.
    pub unsound: Option<u16>,
}

/// A file as segments, without their terminators.
pub struct Parts {
    pub segments: Vec<String>,
    element: char,
    component: char,
    terminator: char,
}

impl Parts {
    /// Takes a sound file apart.
    pub fn of(text: &str) -> Self {
        let element = text.chars().nth(3).unwrap();
        let header: String = text.chars().take(106).collect();
        let component = header.chars().nth(104).unwrap();
        let terminator = header.chars().nth(105).unwrap();
        let segments = text.split(terminator).map(str::trim);
        let segments = segments.filter(|segment| !segment.is_empty());
        Self {
            segments: segments.map(str::to_owned).collect(),
            element,
            component,
            terminator,
        }
    }

    /// The file again.
    pub fn text(&self) -> String {
        Self::joined(&self.segments, self.terminator)
    }

    fn joined(segments: &[String], terminator: char) -> String {
        let mut out = String::new();
        for (at, segment) in segments.iter().enumerate() {
            out.push_str(segment);
            // The ISA ends with its own terminator, blanks and all.
            out.push(terminator);
            if at + 1 < segments.len() {
                out.push('\n');
            }
        }
        out
    }

    fn tag<'s>(&self, segment: &'s str) -> &'s str {
        segment.split(self.element).next().unwrap_or("")
    }

    /// The position of the ST that a segment comes after, where it is in a set.
    fn set_of(&self, at: usize) -> Option<usize> {
        let before = self.segments.iter().take(at + 1).rev();
        for (back, segment) in before.enumerate() {
            match self.tag(segment) {
                "ST" => return Some(at - back),
                "SE" if back > 0 => return None,
                "GS" | "ISA" | "GE" | "IEA" => return None,
                _ => {}
            }
        }
        None
    }

    /// The number of a segment in its set.
    fn number(&self, at: usize) -> Option<u32> {
        let st = self.set_of(at)?;
        Some(u32::try_from(at - st + 1).unwrap())
    }

    /// Puts other segments in the place of some, and the count of the set right.
    fn with(&self, at: usize, len: usize, put: Vec<String>, what: String) -> Damage {
        let mut segments = self.segments.clone();
        segments.splice(at..at + len, put);
        if let Some(st) = self.set_of(at)
            && self.tag(segments.get(st).map_or("", String::as_str)) == "ST"
        {
            let end = segments.iter().skip(st).position(|s| self.tag(s) == "SE");
            if let Some(end) = end.filter(|_| self.tag(&self.segments[at]) != "SE") {
                let se = &mut segments[st + end];
                let mut elements: Vec<&str> = se.split(self.element).collect();
                let count = (end + 1).to_string();
                if elements.len() > 1 {
                    elements[1] = &count;
                }
                *se = elements.join(&self.element.to_string());
            }
        }
        Damage {
            text: Self::joined(&segments, self.terminator),
            what,
            segment: self.number(at),
            unsound: None,
        }
    }

    /// Whole segments: dropped, doubled, swapped, cut.
    pub fn of_segments(&self) -> Vec<Damage> {
        let mut all = Vec::new();
        for (at, segment) in self.segments.iter().enumerate() {
            let tag = self.tag(segment);
            let say = |what: &str| format!("segment {at}, {tag}: {what}");
            all.push(self.with(at, 1, vec![], say("dropped")));
            let twice = vec![segment.clone(), segment.clone()];
            all.push(self.with(at, 1, twice, say("doubled")));
            if let Some(next) = self.segments.get(at + 1) {
                let swapped = vec![next.clone(), segment.clone()];
                all.push(self.with(at, 2, swapped, say("swapped with the next")));
            }
            for part in [1, 2] {
                let chars = segment.chars().count();
                let cut: String = segment.chars().take(chars * part / 3).collect();
                all.push(self.with(at, 1, vec![cut], say("cut short")));
            }
        }
        all
    }

    /// Elements: blanked, made too long, replaced.
    pub fn of_elements(&self) -> Vec<Damage> {
        let mut all = Vec::new();
        let long = "X".repeat(300);
        for (at, segment) in self.segments.iter().enumerate() {
            let elements: Vec<&str> = segment.split(self.element).collect();
            for (number, element) in elements.iter().enumerate() {
                if element.is_empty() {
                    continue;
                }
                // Made unsound one way or the other, by turns.
                let unsound = [long.as_str(), "\u{7}"][(at + number) % 2];
                for (put, unsound) in [("", false), (unsound, true), ("?", false)] {
                    let mut damaged = elements.clone();
                    damaged[number] = put;
                    let joined = damaged.join(&self.element.to_string());
                    let tag = self.tag(segment);
                    let put = if put.len() > 9 { "too long" } else { put };
                    let what = format!("segment {at}, {tag}-{number}: {put:?}");
                    let mut damage = self.with(at, 1, vec![joined], what);
                    let inner = !matches!(tag, "ST" | "SE" | "ISA" | "GS" | "GE" | "IEA");
                    if unsound && number > 0 && inner {
                        damage.unsound = u16::try_from(number).ok();
                    }
                    all.push(damage);
                }
            }
        }
        all
    }

    /// Every so manyth delimiter is another one; among them those that the ISA names.
    pub fn of_delimiters(&self, every: usize, first: usize) -> Vec<Damage> {
        let text = self.text();
        let mut all = Vec::new();
        let delimiters = [self.element, self.component, self.terminator];
        let places = text.char_indices();
        let places = places.filter(|(_, c)| delimiters.contains(c));
        for (at, c) in places.skip(first).step_by(every.max(1)) {
            let other = ['|', self.element, self.terminator][at % 3];
            if other == c {
                continue;
            }
            let mut damaged = text.clone();
            damaged.replace_range(at..at + c.len_utf8(), &other.to_string());
            all.push(Damage {
                text: damaged,
                what: format!("byte {at}: {c:?} is {other:?}"),
                segment: None,
                unsound: None,
            });
        }
        all
    }

    /// The file cut at every so manyth byte.
    pub fn cuts(&self, every: usize, first: usize) -> Vec<Damage> {
        let text = self.text();
        let places = (first..text.len()).step_by(every.max(1));
        let places = places.filter(|at| text.is_char_boundary(*at));
        places
            .map(|at| Damage {
                text: text[..at].to_owned(),
                what: format!("cut at byte {at}"),
                segment: None,
                unsound: None,
            })
            .collect()
    }
}
