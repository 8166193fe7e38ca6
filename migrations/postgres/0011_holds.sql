-- Legal holds: what must not be erased, whatever the rules of retention say. Each row
-- places one on a claim, or lifts it.

SET LOCAL search_path = tally, pg_catalog;

CREATE TABLE legal_hold (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    claim  bytea NOT NULL CHECK (length(claim) = 16),
    name   text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    day    integer NOT NULL,
    lifted boolean NOT NULL
);

CREATE INDEX legal_hold_by_claim ON legal_hold (claim, id);

CREATE TRIGGER legal_hold_never_changes BEFORE UPDATE OR DELETE ON legal_hold
    FOR EACH ROW EXECUTE FUNCTION refuse('a hold is lifted, never changed');
CREATE TRIGGER legal_hold_is_not_emptied BEFORE TRUNCATE ON legal_hold
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('history is not rewritten');

GRANT SELECT ON legal_hold TO tally_worker, tally_relay, tally_api, tally_operator;
GRANT INSERT ON legal_hold TO tally_operator;

ALTER TABLE legal_hold OWNER TO tally_owner;
