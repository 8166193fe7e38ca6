-- Who may read: what of it is in no statement of this node.

-- Members, as grants of access name them: 256 random bits each, drawn once, sealed.
CREATE TABLE patient (
    member  BLOB PRIMARY KEY CHECK (length(member) = 32),
    record  BLOB NOT NULL CHECK (length(record) = 16),
    payload BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What others granted, as they showed it to this node: what their commitment opens to,
-- sealed. `about` is a member's token, or a group's.
CREATE TABLE shown (
    commitment BLOB PRIMARY KEY CHECK (length(commitment) = 32),
    about    BLOB NOT NULL CHECK (length(about) = 32),
    record   BLOB NOT NULL CHECK (length(record) = 16),
    payload  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX shown_by_about ON shown (about, commitment);

CREATE TRIGGER patient_never_changes BEFORE UPDATE ON patient
BEGIN SELECT raise(ABORT, 'a patient is drawn once'); END;
CREATE TRIGGER patient_never_shrinks BEFORE DELETE ON patient
BEGIN SELECT raise(ABORT, 'a patient is drawn once'); END;
CREATE TRIGGER shown_never_changes BEFORE UPDATE ON shown
BEGIN SELECT raise(ABORT, 'what was shown is never changed'); END;
CREATE TRIGGER shown_never_shrinks BEFORE DELETE ON shown
BEGIN SELECT raise(ABORT, 'what was shown is never changed'); END;
