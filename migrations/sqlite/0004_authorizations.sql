-- Requests for prior authorisation and referral, and what happened to them. What
-- they come to is computed; what is certified is on file in the next version of
-- the member's contract.

-- `number` is ours: what providers quote. `token` and `content` tell a request
-- that is sent again from another of the same number of its sender.
CREATE TABLE authorization_request (
    id        INTEGER PRIMARY KEY,
    token     BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
    content   BLOB NOT NULL CHECK (length(content) = 32),
    number    TEXT NOT NULL UNIQUE,
    submitter TEXT NOT NULL,
    member    BLOB NOT NULL CHECK (length(member) = 32),
    provider  BLOB NOT NULL CHECK (length(provider) = 32),
    received  INTEGER NOT NULL,
    record    BLOB NOT NULL CHECK (length(record) = 16),
    payload   BLOB NOT NULL
) STRICT;

CREATE INDEX authorization_request_by_member ON authorization_request (member, id);
CREATE INDEX authorization_request_by_submitter ON authorization_request (submitter, id);

-- 1 decided, 2 cancelled, 3 superseded. `contract` is the version that it made,
-- where what is on file changed.
CREATE TABLE authorization_event (
    request  INTEGER NOT NULL REFERENCES authorization_request (id),
    number   INTEGER NOT NULL CHECK (number > 0),
    kind     INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
    day      INTEGER NOT NULL,
    unit     INTEGER NOT NULL,
    contract INTEGER,
    record   BLOB NOT NULL CHECK (length(record) = 16),
    payload  BLOB NOT NULL,
    PRIMARY KEY (request, number),
    FOREIGN KEY (unit, contract) REFERENCES contract (unit, version)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER authorization_request_never_changes BEFORE UPDATE ON authorization_request
BEGIN SELECT raise(ABORT, 'a request is never changed'); END;
CREATE TRIGGER authorization_request_never_shrinks BEFORE DELETE ON authorization_request
BEGIN SELECT raise(ABORT, 'a request is never taken back'); END;
CREATE TRIGGER authorization_event_never_changes BEFORE UPDATE ON authorization_event
BEGIN SELECT raise(ABORT, 'what happened to a request is never changed'); END;
CREATE TRIGGER authorization_event_never_shrinks BEFORE DELETE ON authorization_event
BEGIN SELECT raise(ABORT, 'what happened to a request is never taken back'); END;
