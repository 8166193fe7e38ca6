//! Visits and the referrals to anybody that they use, fitted together: which of
//! several each uses does not matter, as long as all find a place.

use alloc::vec::Vec;

/// Units on referrals. What has a place keeps one, but may be moved to another
/// referral that is good for it to make room.
#[derive(Clone)]
pub struct Fit {
    /// Units left, by referral.
    left: Vec<i64>,
    groups: Vec<Group>,
}

/// Units for which the same referrals are good.
#[derive(Clone)]
struct Group {
    /// Which referrals are good for them.
    good: Vec<bool>,
    /// How many are on each.
    on: Vec<i64>,
}

/// Units of a group go to a referral: new ones, or from where the step before goes.
#[derive(Clone, Copy)]
struct Step {
    group: usize,
    to: usize,
    before: Option<usize>,
}

impl Fit {
    /// With so many units left on each referral, and none placed.
    pub fn new(left: Vec<i64>) -> Self {
        let groups = Vec::new();
        Self { left, groups }
    }

    /// Places as many of these units as fit beside those that have a place, on the
    /// referrals that are good for them; how many it were.
    pub fn place(&mut self, good: Vec<bool>, units: i64) -> i64 {
        let group = self.group(good);
        let mut placed = 0i64;
        while placed < units
            && let Some(way) = self.way(group)
        {
            let moved = self.room(&way).min(units.saturating_sub(placed));
            self.go(&way, moved);
            placed = placed.saturating_add(moved);
        }
        placed
    }

    fn group(&mut self, good: Vec<bool>) -> usize {
        let known = self.groups.iter().position(|group| group.good == good);
        known.unwrap_or_else(|| {
            let on = good.iter().map(|_| 0).collect();
            self.groups.push(Group { good, on });
            self.groups.len().saturating_sub(1)
        })
    }

    /// The shortest way for units of a group to a referral with any left, its last
    /// step first.
    fn way(&self, group: usize) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        self.reach(group, None, &mut steps);
        let mut at = 0usize;
        while let Some(step) = steps.get(at).copied() {
            if self.left.get(step.to).is_some_and(|left| *left > 0) {
                return Some(back(&steps, at));
            }
            for other in 0..self.groups.len() {
                if self.on(other, step.to) > 0 {
                    self.reach(other, Some(at), &mut steps);
                }
            }
            at = at.saturating_add(1);
        }
        None
    }

    /// Adds the steps of a group to the referrals to which there is none yet.
    fn reach(&self, group: usize, before: Option<usize>, steps: &mut Vec<Step>) {
        let good = self.groups.get(group).into_iter();
        let good = good.flat_map(|group| group.good.iter().enumerate());
        for (to, _) in good.filter(|(_, good)| **good) {
            if !steps.iter().any(|step| step.to == to) {
                steps.push(Step { group, to, before });
            }
        }
    }

    /// How many units can go a way.
    fn room(&self, way: &[Step]) -> i64 {
        let last = way.first().and_then(|step| self.left.get(step.to));
        moves(way).fold(last.copied().unwrap_or(0), |room, (step, from)| {
            room.min(self.on(step.group, from))
        })
    }

    /// Lets so many units go a way.
    fn go(&mut self, way: &[Step], units: i64) {
        if let Some(left) = way.first().and_then(|step| self.left.get_mut(step.to)) {
            *left = left.saturating_sub(units);
        }
        for (step, from) in moves(way) {
            self.add(step.group, from, units.saturating_neg());
        }
        for step in way {
            self.add(step.group, step.to, units);
        }
    }

    fn on(&self, group: usize, referral: usize) -> i64 {
        let group = self.groups.get(group);
        let on = group.and_then(|group| group.on.get(referral));
        on.copied().unwrap_or(0)
    }

    fn add(&mut self, group: usize, referral: usize, units: i64) {
        let group = self.groups.get_mut(group);
        if let Some(on) = group.and_then(|group| group.on.get_mut(referral)) {
            *on = on.saturating_add(units);
        }
    }
}

/// The steps that lead to one, from it to the first.
fn back(steps: &[Step], last: usize) -> Vec<Step> {
    let mut way = Vec::new();
    let mut at = Some(last);
    while let Some(step) = at.and_then(|at| steps.get(at)) {
        way.push(*step);
        at = step.before;
    }
    way
}

/// The steps of a way that move units which have a place, with where from.
fn moves(way: &[Step]) -> impl Iterator<Item = (&Step, usize)> {
    let before = way.iter().skip(1).map(|step| step.to);
    way.iter().zip(before)
}
