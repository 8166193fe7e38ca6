-- Who may read: what of it is in no statement of this node.

SET LOCAL search_path = tally, pg_catalog;

-- Members, as grants of access name them: 256 random bits each, drawn once, sealed.
CREATE TABLE patient (
    member  bytea PRIMARY KEY CHECK (length(member) = 32),
    record  bytea NOT NULL CHECK (length(record) = 16),
    payload bytea NOT NULL
);

-- What others granted, as they showed it to this node: what their commitment opens to,
-- sealed. `about` is a member's token, or a group's.
CREATE TABLE shown (
    commitment bytea PRIMARY KEY CHECK (length(commitment) = 32),
    about    bytea NOT NULL CHECK (length(about) = 32),
    record   bytea NOT NULL CHECK (length(record) = 16),
    payload  bytea NOT NULL
);

CREATE INDEX shown_by_about ON shown (about, commitment);

CREATE TRIGGER patient_never_changes BEFORE UPDATE OR DELETE ON patient
    FOR EACH ROW EXECUTE FUNCTION refuse('a patient is drawn once');
CREATE TRIGGER patient_is_not_emptied BEFORE TRUNCATE ON patient
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('history is not rewritten');
CREATE TRIGGER shown_never_changes BEFORE UPDATE OR DELETE ON shown
    FOR EACH ROW EXECUTE FUNCTION refuse('what was shown is never changed');
CREATE TRIGGER shown_is_not_emptied BEFORE TRUNCATE ON shown
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('history is not rewritten');

-- A patient is drawn when somebody first asks to read, or grants.
GRANT SELECT ON patient, shown TO tally_worker, tally_relay, tally_api, tally_operator;
GRANT INSERT ON patient, shown TO tally_api, tally_operator;

ALTER TABLE patient OWNER TO tally_owner;
ALTER TABLE shown OWNER TO tally_owner;
