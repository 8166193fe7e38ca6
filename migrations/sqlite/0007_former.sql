-- The units under which members were covered before: those they moved from, and those
-- whose contracts name them for days that are over. What comes late for those days goes
-- there.
CREATE TABLE former (
    member BLOB NOT NULL CHECK (length(member) = 32),
    unit   INTEGER NOT NULL REFERENCES unit (id),
    PRIMARY KEY (member, unit)
) STRICT, WITHOUT ROWID;

INSERT INTO former (member, unit) SELECT DISTINCT member, from_unit FROM event;

CREATE TRIGGER former_never_changes BEFORE UPDATE ON former
BEGIN SELECT raise(ABORT, 'where a member was is never changed'); END;
CREATE TRIGGER former_never_shrinks BEFORE DELETE ON former
BEGIN SELECT raise(ABORT, 'where a member was is never taken back'); END;
