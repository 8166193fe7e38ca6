//! Our own claims, `tallystick-claim/v1`.

use super::draft::{Draft, DraftLine};
use super::json::Writer;

/// A claim.
pub fn claim(out: &mut Writer, draft: &Draft) {
    let bill = draft.bill;
    out.object(|out| {
        out.field("format", "tallystick-claim/v1");
        out.field("kind", draft.kind);
        if draft.replaces {
            out.field("frequency", "replacement");
        }
        out.field("control_number", &bill.control);
        out.field("member", &bill.member);
        out.field("billing", draft.billing);
        out.field_list("diagnoses", &bill.diagnoses, |out, code| out.text(code));
        if !bill.authorizations.is_empty() {
            out.field_list("authorizations", &bill.authorizations, |out, number| {
                out.text(number);
            });
        }
        out.field("currency", draft.currency);
        for _ in 0..=usize::from(draft.total_twice) {
            out.field("charge", &draft.total);
        }
        out.field_list("lines", &draft.lines, line);
    });
}

fn line(out: &mut Writer, draft: &DraftLine) {
    let line = draft.line;
    out.object(|out| {
        out.field_raw("number", &draft.number.to_string());
        let system = if line.code.is_empty() {
            "revenue"
        } else {
            "hcpcs"
        };
        out.field("system", system);
        out.field("procedure", &draft.code);
        if !line.modifiers.is_empty() {
            out.field_list("modifiers", &line.modifiers, |out, code| out.text(code));
        }
        if !line.revenue.is_empty() {
            out.field("revenue", line.revenue);
        }
        out.field("place", line.place);
        out.field_list("diagnoses", &line.pointers, |out, pointer| {
            out.raw(&pointer.to_string());
        });
        out.field_raw("quantity", &draft.quantity);
        if let Some(net) = &draft.net {
            // As a text: no reader is tempted to make a float of it.
            out.field("charge", net);
        }
        out.field("from", &draft.from);
        if draft.through != draft.from {
            out.field("through", &draft.through);
        }
        if let Some(npi) = line.rendering {
            out.field("rendering", npi);
        }
        if line.emergency {
            out.field_raw("emergency", "true");
        }
    });
}
