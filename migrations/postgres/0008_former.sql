-- The units under which members were covered before: those they moved from, and those
-- whose contracts name them for days that are over. What comes late for those days goes
-- there.
CREATE TABLE former (
    member bytea NOT NULL CHECK (length(member) = 32),
    unit   bigint NOT NULL REFERENCES unit (id),
    PRIMARY KEY (member, unit)
);

INSERT INTO former (member, unit) SELECT DISTINCT member, from_unit FROM event;

CREATE TRIGGER former_never_changes BEFORE UPDATE OR DELETE ON former
    FOR EACH ROW EXECUTE FUNCTION refuse('where a member was is never changed');
CREATE TRIGGER former_is_not_emptied BEFORE TRUNCATE ON former
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('history is not rewritten');

GRANT SELECT ON former TO tally_worker, tally_relay, tally_api, tally_operator;
GRANT INSERT ON former TO tally_operator;

ALTER TABLE former OWNER TO tally_owner;
