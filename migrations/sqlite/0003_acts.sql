-- Acts: what changes the past of a unit, in its order. What was decided stays as
-- it is; each time it is taken back there is a revision, with what took its place.

-- 0 a claim, otherwise the kind of act: 1 void, 2 replacement, 3 readjudication,
-- 4 review.
ALTER TABLE queue ADD COLUMN kind INTEGER NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 4);

-- Beside the claim's row, which an act has as well. `payload` is what it came to.
CREATE TABLE act (
    claim    INTEGER PRIMARY KEY REFERENCES claim (place),
    kind     INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
    original INTEGER REFERENCES claim (place),
    record   BLOB CHECK (length(record) = 16),
    payload  BLOB,
    CHECK ((record IS NULL) = (payload IS NULL))
) STRICT;

-- Without a status the claim stands no more.
CREATE TABLE revision (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    claim            BLOB NOT NULL REFERENCES outcome (claim),
    number           INTEGER NOT NULL CHECK (number > 0),
    act              INTEGER NOT NULL REFERENCES act (claim),
    reversal_record  BLOB NOT NULL CHECK (length(reversal_record) = 16),
    reversal_payload BLOB NOT NULL,
    reversal_leaf    INTEGER REFERENCES entry (leaf),
    status           INTEGER CHECK (status IN (1, 2, 3)),
    charge           INTEGER,
    allowed          INTEGER,
    paid             INTEGER,
    patient          INTEGER,
    policy           BLOB CHECK (length(policy) = 32),
    hash             BLOB CHECK (length(hash) = 32),
    record           BLOB CHECK (length(record) = 16),
    payload          BLOB,
    leaf             INTEGER REFERENCES entry (leaf),
    UNIQUE (claim, number),
    CHECK ((status IS NULL) = (payload IS NULL))
) STRICT;

CREATE INDEX revision_by_act ON revision (act);
CREATE INDEX revision_by_status ON revision (status, claim);
CREATE UNIQUE INDEX revision_gone ON revision (claim) WHERE status IS NULL;

-- The lines of a place from an act on; the latest hold.
CREATE TABLE revised_history (
    unit     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    act      INTEGER NOT NULL,
    record   BLOB NOT NULL CHECK (length(record) = 16),
    payload  BLOB NOT NULL,
    PRIMARY KEY (unit, sequence, act),
    FOREIGN KEY (unit, sequence) REFERENCES claim (unit, sequence),
    FOREIGN KEY (unit, act) REFERENCES claim (unit, sequence)
) STRICT, WITHOUT ROWID;

-- An entry of a revision, and whether it is the reversal.
ALTER TABLE outbox ADD COLUMN revision INTEGER;
ALTER TABLE outbox ADD COLUMN reversal INTEGER NOT NULL DEFAULT 0 CHECK (reversal IN (0, 1));

CREATE TRIGGER act_is_done_once BEFORE UPDATE ON act WHEN OLD.payload IS NOT NULL
BEGIN SELECT raise(ABORT, 'what an act came to is never changed'); END;
CREATE TRIGGER act_never_shrinks BEFORE DELETE ON act
BEGIN SELECT raise(ABORT, 'an act is never taken back'); END;
-- Its places in the log are added later; nothing else is.
CREATE TRIGGER revision_never_changes
BEFORE UPDATE OF id, claim, number, act, reversal_record, reversal_payload, status, charge,
    allowed, paid, patient, policy, hash, record, payload ON revision
BEGIN SELECT raise(ABORT, 'a revision is never changed'); END;
CREATE TRIGGER revision_never_shrinks BEFORE DELETE ON revision
BEGIN SELECT raise(ABORT, 'a revision is never taken back'); END;
CREATE TRIGGER revised_history_never_changes BEFORE UPDATE ON revised_history
BEGIN SELECT raise(ABORT, 'what was decided is never taken back'); END;
CREATE TRIGGER revised_history_never_shrinks BEFORE DELETE ON revised_history
BEGIN SELECT raise(ABORT, 'what was decided is never taken back'); END;
