-- Legal holds: what must not be erased, whatever the rules of retention say. Each row
-- places one on a claim, or lifts it.
CREATE TABLE legal_hold (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    claim  BLOB NOT NULL CHECK (length(claim) = 16),
    name   TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    day    INTEGER NOT NULL,
    lifted INTEGER NOT NULL CHECK (lifted IN (0, 1))
) STRICT;

CREATE INDEX legal_hold_by_claim ON legal_hold (claim, id);

CREATE TRIGGER legal_hold_never_changes BEFORE UPDATE ON legal_hold
BEGIN SELECT raise(ABORT, 'a hold is never changed'); END;
CREATE TRIGGER legal_hold_never_shrinks BEFORE DELETE ON legal_hold
BEGIN SELECT raise(ABORT, 'a hold is lifted, never deleted'); END;
