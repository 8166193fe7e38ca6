-- What others dispute of what this node decided, as they told it: who, the index of the
-- dispute in their own log, the claim, the index of the adjudication in this node's, and
-- the day on which it was told. Salt and what was found are sealed under the claim's own
-- record: whoever erases the claim erases them.

SET LOCAL search_path = tally, pg_catalog;

CREATE TABLE disputed (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organisation text NOT NULL CHECK (length(organisation) BETWEEN 1 AND 64),
    entry        bigint NOT NULL CHECK (entry >= 0),
    claim        bytea NOT NULL CHECK (length(claim) = 16),
    leaf         bigint NOT NULL CHECK (leaf >= 0),
    day          integer NOT NULL,
    record       bytea NOT NULL CHECK (length(record) = 16),
    payload      bytea NOT NULL
);

-- Of an adjudication an organisation has one.
CREATE UNIQUE INDEX disputed_once ON disputed (organisation, leaf);
CREATE INDEX disputed_by_claim ON disputed (claim, id);

CREATE TRIGGER disputed_never_changes BEFORE UPDATE OR DELETE ON disputed
    FOR EACH ROW EXECUTE FUNCTION refuse('what was told is never changed');
CREATE TRIGGER disputed_is_not_emptied BEFORE TRUNCATE ON disputed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('history is not rewritten');

GRANT SELECT ON disputed TO tally_worker, tally_relay, tally_api, tally_operator;
GRANT INSERT ON disputed TO tally_api;

ALTER TABLE disputed OWNER TO tally_owner;
