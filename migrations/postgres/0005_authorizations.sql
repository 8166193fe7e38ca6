-- Requests for prior authorisation and referral, and what happened to them. What
-- they come to is computed; what is certified is on file in the next version of
-- the member's contract.

SET LOCAL search_path = tally, pg_catalog;

-- `number` is ours: what providers quote. `token` and `content` tell a request
-- that is sent again from another of the same number of its sender.
CREATE TABLE authorization_request (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received  integer NOT NULL,
    token     bytea NOT NULL UNIQUE CHECK (length(token) = 32),
    content   bytea NOT NULL CHECK (length(content) = 32),
    member    bytea NOT NULL CHECK (length(member) = 32),
    provider  bytea NOT NULL CHECK (length(provider) = 32),
    number    text NOT NULL UNIQUE,
    submitter text NOT NULL,
    record    bytea NOT NULL CHECK (length(record) = 16),
    payload   bytea NOT NULL
);

CREATE INDEX authorization_request_by_member ON authorization_request (member, id);
CREATE INDEX authorization_request_by_submitter ON authorization_request (submitter, id);

-- 1 decided, 2 cancelled, 3 superseded. `contract` is the version that it made,
-- where what is on file changed.
CREATE TABLE authorization_event (
    request  bigint NOT NULL,
    unit     bigint NOT NULL,
    number   integer NOT NULL CHECK (number > 0),
    day      integer NOT NULL,
    contract integer,
    kind     smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),
    record   bytea NOT NULL CHECK (length(record) = 16),
    payload  bytea NOT NULL,
    PRIMARY KEY (request, number)
);

ALTER TABLE authorization_request ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE authorization_event ALTER payload SET STORAGE EXTERNAL;

-- ---- history is not rewritten -------------------------------------------------

CREATE TRIGGER authorization_request_never_changes
    BEFORE UPDATE OR DELETE ON authorization_request
    FOR EACH ROW EXECUTE FUNCTION refuse('a request is never changed');
CREATE TRIGGER authorization_event_never_changes
    BEFORE UPDATE OR DELETE ON authorization_event
    FOR EACH ROW EXECUTE FUNCTION refuse('what happened to a request is never changed');
CREATE TRIGGER authorization_request_is_not_emptied BEFORE TRUNCATE ON authorization_request
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('history is not rewritten');
CREATE TRIGGER authorization_event_is_not_emptied BEFORE TRUNCATE ON authorization_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse('history is not rewritten');

-- ---- grants -------------------------------------------------------------------

GRANT SELECT ON authorization_request, authorization_event
    TO tally_worker, tally_relay, tally_api, tally_operator;
GRANT INSERT ON authorization_request, authorization_event TO tally_api, tally_operator;

-- A provider takes back what it asked for, and what is on file changes with it.
GRANT INSERT ON contract TO tally_api;
GRANT UPDATE (contract) ON unit TO tally_api;

-- ---- handed over --------------------------------------------------------------

ALTER TABLE authorization_request OWNER TO tally_owner;
ALTER TABLE authorization_event OWNER TO tally_owner;
