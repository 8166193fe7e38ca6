-- Appeals of claims: which there are, and what happened to each, in the order of the
-- claim. What people wrote is sealed under the claim's key.

CREATE TABLE appeal (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    appeal BLOB NOT NULL UNIQUE CHECK (length(appeal) = 16),
    claim  INTEGER NOT NULL REFERENCES claim (place),
    level  INTEGER NOT NULL CHECK (level BETWEEN 1 AND 255),
    filed  INTEGER NOT NULL
) STRICT;

CREATE INDEX appeal_by_claim ON appeal (claim);

-- 1 filed, 2 extended, 3 asked, 4 answered, 5 decided, 6 withdrawn.
CREATE TABLE appeal_event (
    claim   INTEGER NOT NULL REFERENCES claim (place),
    number  INTEGER NOT NULL CHECK (number > 0),
    appeal  INTEGER NOT NULL REFERENCES appeal (id),
    kind    INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 6),
    day     INTEGER NOT NULL,
    record  BLOB NOT NULL CHECK (length(record) = 16),
    payload BLOB NOT NULL,
    PRIMARY KEY (claim, number)
) STRICT, WITHOUT ROWID;

-- Neither decided nor taken back: one of a claim at most.
CREATE TABLE appeal_open (
    appeal INTEGER PRIMARY KEY REFERENCES appeal (id),
    claim  INTEGER NOT NULL UNIQUE REFERENCES claim (place)
) STRICT;

CREATE TRIGGER appeal_never_changes BEFORE UPDATE ON appeal
BEGIN SELECT raise(ABORT, 'an appeal is never changed'); END;
CREATE TRIGGER appeal_never_shrinks BEFORE DELETE ON appeal
BEGIN SELECT raise(ABORT, 'an appeal is never deleted'); END;
CREATE TRIGGER appeal_event_never_changes BEFORE UPDATE ON appeal_event
BEGIN SELECT raise(ABORT, 'what happened to an appeal is never changed'); END;
CREATE TRIGGER appeal_event_never_shrinks BEFORE DELETE ON appeal_event
BEGIN SELECT raise(ABORT, 'what happened to an appeal is never deleted'); END;
