//! Spreading a price of the whole claim over its lines, to the cent.

use alloc::vec;
use alloc::vec::Vec;

use tally_types::Money;

use super::Lesser;

/// Spreads an amount by weights, so that the parts sum to it exactly: each part
/// is its exact share rounded down, and the cents that are left go one each to
/// the largest remainders, of equal ones to the first. Where all weights are
/// zero they count alike. No part is above its exact share by a cent or more.
///
/// `None` for a negative amount or weight, for no weights with an amount to
/// spread, and when the sum of the weights cannot be held.
///
/// ```
/// use tally_sdk::Money;
/// use tally_sdk::pricing::spread;
/// let parts = spread(Money::cents(100), &[1, 1, 1]).unwrap();
/// assert_eq!(parts, [34, 33, 33].map(Money::cents));
/// ```
#[must_use]
pub fn spread(total: Money, weights: &[i64]) -> Option<Vec<Money>> {
    if total.is_negative() || weights.iter().any(|weight| *weight < 0) {
        return None;
    }
    if weights.is_empty() {
        return total.is_zero().then(Vec::new);
    }
    let even = weights.iter().all(|weight| *weight == 0);
    let weight = |of: i64| i128::from(if even { 1 } else { of });
    let sum: i128 = weights
        .iter()
        .try_fold(0i64, |sum, of| sum.checked_add(if even { 1 } else { *of }))?
        .into();
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    let mut left = total.scaled();
    for (i, of) in weights.iter().enumerate() {
        let product = i128::from(total.scaled()) * weight(*of);
        // At most the total, since the weight is at most the sum.
        let part = i64::try_from(product / sum).ok()?;
        left = left.saturating_sub(part);
        parts.push(Money::cents(part));
        // Largest first, then in order.
        remainders.push((-(product % sum), i));
    }
    // A heap, not a sort: a claim may have 999 lines, and cents are left for
    // few of them.
    for at in (0..remainders.len() / 2).rev() {
        sink(&mut remainders, at);
    }
    while left > 0 {
        let (_, first) = *remainders.first()?;
        let part = parts.get_mut(first)?;
        *part = part.checked_add(Money::cents(1))?;
        left = left.saturating_sub(1);
        remainders.swap_remove(0);
        sink(&mut remainders, 0);
    }
    Some(parts)
}

/// Lets the item at `at` sink below lesser ones: of a heap whose least item is
/// first.
fn sink<T: Ord>(heap: &mut [T], at: usize) {
    let mut at = at;
    loop {
        let (left, right) = (at * 2 + 1, at * 2 + 2);
        let child = match (heap.get(left), heap.get(right)) {
            (Some(one), Some(other)) if other < one => right,
            (Some(_), _) => left,
            (None, _) => return,
        };
        if heap.get(child) >= heap.get(at) {
            return;
        }
        heap.swap(child, at);
        at = child;
    }
}

/// Spreads an amount by weights as [`spread`], with no part above its cap: what
/// is above goes to the parts that have room, by their weights. Where the caps
/// together are less than the amount, each part is its cap and the excess is
/// spread over all by the weights: on a claim that is priced above its charges
/// lines allow more than they charge, which OA 94 shows.
///
/// `None` as for [`spread`], for a negative cap, and when the lists differ in
/// length.
#[must_use]
pub fn spread_within(total: Money, weights: &[i64], caps: &[Money]) -> Option<Vec<Money>> {
    if weights.len() != caps.len() || caps.iter().any(|cap| cap.is_negative()) {
        return None;
    }
    let room = Money::checked_sum(caps.iter().copied())?;
    if total > room {
        let above = spread(total.checked_sub(room)?, weights)?;
        let both = caps.iter().zip(above);
        return both.map(|(cap, above)| cap.checked_add(above)).collect();
    }
    let mut parts = vec![Money::ZERO; weights.len()];
    let mut left = total;
    // Each round fills at least one part to its cap, or is the last.
    for _ in 0..=weights.len() {
        if left.is_zero() {
            break;
        }
        let open = parts.iter().zip(caps);
        let open: Vec<bool> = open.map(|(part, cap)| part < cap).collect();
        let mut weighted: Vec<i64> = open
            .iter()
            .zip(weights)
            .map(|(open, weight)| if *open { *weight } else { 0 })
            .collect();
        if weighted.iter().all(|weight| *weight == 0) {
            // What has room has no weight: those count alike.
            weighted = open.iter().map(|open| i64::from(*open)).collect();
        }
        let more = spread(left, &weighted)?;
        for ((part, cap), more) in parts.iter_mut().zip(caps).zip(more) {
            let taken = more.lesser(cap.less(*part));
            *part = part.checked_add(taken)?;
            left = left.checked_sub(taken)?;
        }
    }
    Some(parts)
}

/// What each line allows of a price of the whole claim, by the charges: the lines
/// sum to the price exactly. A line that charges nothing allows nothing, unless
/// none charges.
///
/// With `lesser` the price is at most the charges together, and no line is above
/// its charge. Without it a price above the charges makes each line allow more
/// than it charges, in proportion; OA 94 shows it ([`crate::LineWork::allow`]).
///
/// `None` for a negative charge or price, and when a sum cannot be held.
#[must_use]
pub fn price_lines(price: Money, charges: &[Money], lesser: bool) -> Option<Vec<Money>> {
    let charged = Money::checked_sum(charges.iter().copied())?;
    let price = if lesser { price.lesser(charged) } else { price };
    let weights: Vec<i64> = charges.iter().map(|charge| charge.scaled()).collect();
    spread_within(price, &weights, charges)
}

/// What each line allows where each has a price of its own. `None` when the
/// lists differ in length, or a sum cannot be held.
///
/// [`Lesser::Claim`] compares the prices together with the charges together:
/// where the prices are less they hold, also for a line that charges less than
/// its price (OA 94 shows it); otherwise the charges hold.
#[must_use]
pub fn lesser_of(prices: &[Money], charges: &[Money], how: Lesser) -> Option<Vec<Money>> {
    if prices.len() != charges.len() {
        return None;
    }
    let sum = |amounts: &[Money]| Money::checked_sum(amounts.iter().copied());
    Some(match how {
        Lesser::Line => {
            let both = prices.iter().zip(charges);
            both.map(|(price, charge)| price.lesser(*charge)).collect()
        }
        Lesser::Claim if sum(prices)? > sum(charges)? => charges.to_vec(),
        Lesser::Claim | Lesser::Never => prices.to_vec(),
    })
}
