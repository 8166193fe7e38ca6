-- What a node must not lose. People, contracts and providers are tokens (32
-- bytes, a keyed hash); payloads are sealed under the key of their `record`,
-- which is in another file. Amounts are minor units, dates are days since
-- 1970-01-01, ids and hashes are bytes.

-- ---- enrolment ----------------------------------------------------------------

-- An accumulation unit: who shares balances and an order of claims.
CREATE TABLE unit (
    id       INTEGER PRIMARY KEY,
    token    BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
    -- The latest version of its contract; zero before the first.
    contract INTEGER NOT NULL DEFAULT 0 CHECK (contract >= 0),
    -- The last number given to a claim, and the last adjudicated.
    sequence INTEGER NOT NULL DEFAULT 0,
    done     INTEGER NOT NULL DEFAULT 0,
    -- The first number that is set aside; those after it wait.
    held     INTEGER CHECK (held > done),
    CHECK (0 <= done AND done <= sequence)
) STRICT;

CREATE TABLE contract (
    unit    INTEGER NOT NULL REFERENCES unit (id),
    version INTEGER NOT NULL CHECK (version > 0),
    record  BLOB NOT NULL CHECK (length(record) = 16),
    payload BLOB NOT NULL,
    PRIMARY KEY (unit, version)
) STRICT;

CREATE TABLE member (
    token BLOB PRIMARY KEY CHECK (length(token) = 32),
    unit  INTEGER NOT NULL REFERENCES unit (id)
) STRICT, WITHOUT ROWID;

-- ---- intake -------------------------------------------------------------------

-- The claims of a submission were given places in a row.
CREATE TABLE submission (
    token    BLOB PRIMARY KEY CHECK (length(token) = 32),
    read     INTEGER NOT NULL CHECK (read >= 0),
    refused  INTEGER NOT NULL CHECK (refused >= 0),
    refusals BLOB NOT NULL,
    first    INTEGER NOT NULL CHECK (first > 0),
    claims   INTEGER NOT NULL CHECK (claims >= 0)
) STRICT, WITHOUT ROWID;

-- In order of arrival. (unit, sequence) is the fence: a number is given once.
CREATE TABLE claim (
    place         INTEGER PRIMARY KEY,
    id            BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    unit          INTEGER NOT NULL REFERENCES unit (id),
    sequence      INTEGER NOT NULL CHECK (sequence > 0),
    contract      INTEGER,
    member        BLOB NOT NULL CHECK (length(member) = 32),
    provider      BLOB NOT NULL CHECK (length(provider) = 32),
    received      INTEGER NOT NULL,
    first_service INTEGER NOT NULL,
    charge        INTEGER NOT NULL,
    record        BLOB NOT NULL CHECK (length(record) = 16),
    payload       BLOB NOT NULL,
    UNIQUE (unit, sequence),
    FOREIGN KEY (unit, contract) REFERENCES contract (unit, version)
) STRICT;

CREATE INDEX claim_by_member ON claim (member, id);
CREATE INDEX claim_by_provider ON claim (provider, id);

-- What waits to be adjudicated. `state`: 0 ready, 1 behind a claim set aside,
-- 2 set aside. The index holds only what is ready, so that taking the next
-- claims never steps over those that wait.
CREATE TABLE queue (
    claim     INTEGER PRIMARY KEY REFERENCES claim (place),
    partition INTEGER NOT NULL CHECK (partition >= 0),
    attempts  INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    state     INTEGER NOT NULL CHECK (state IN (0, 1, 2))
) STRICT;

CREATE INDEX queue_ready ON queue (partition, claim) WHERE state = 0;
CREATE INDEX queue_aside ON queue (state) WHERE state <> 0;

-- ---- what was decided ---------------------------------------------------------

-- One row a claim, ever: the fence against a second effect. Small rows; the
-- record itself is in `decision`, since its place in the log is added later.
CREATE TABLE outcome (
    claim   BLOB PRIMARY KEY REFERENCES claim (id),
    -- 1 paid, 2 denied, 3 pended.
    status  INTEGER NOT NULL CHECK (status IN (1, 2, 3)),
    charge  INTEGER NOT NULL,
    allowed INTEGER NOT NULL,
    paid    INTEGER NOT NULL,
    patient INTEGER NOT NULL,
    policy  BLOB CHECK (length(policy) = 32),
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    leaf    INTEGER REFERENCES entry (leaf)
) STRICT, WITHOUT ROWID;

CREATE INDEX outcome_by_status ON outcome (status, claim);

CREATE TABLE decision (
    claim   INTEGER PRIMARY KEY REFERENCES claim (place),
    record  BLOB NOT NULL CHECK (length(record) = 16),
    payload BLOB NOT NULL
) STRICT;

-- The lines of a unit's claims, next to each other: they are read together.
CREATE TABLE history (
    unit     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    record   BLOB NOT NULL CHECK (length(record) = 16),
    payload  BLOB NOT NULL,
    PRIMARY KEY (unit, sequence),
    FOREIGN KEY (unit, sequence) REFERENCES claim (unit, sequence)
) STRICT, WITHOUT ROWID;

-- `member` is empty for the family's.
CREATE TABLE accumulator (
    unit    INTEGER NOT NULL REFERENCES unit (id),
    member  BLOB NOT NULL CHECK (length(member) IN (0, 32)),
    product TEXT NOT NULL,
    name    TEXT NOT NULL,
    period  INTEGER NOT NULL,
    used    INTEGER NOT NULL,
    PRIMARY KEY (unit, member, product, name, period)
) STRICT, WITHOUT ROWID;

-- ---- flags --------------------------------------------------------------------

CREATE TABLE fact (
    detector INTEGER NOT NULL CHECK (detector > 0),
    key      BLOB NOT NULL CHECK (length(key) = 32),
    claim    BLOB NOT NULL REFERENCES claim (id),
    line     INTEGER NOT NULL CHECK (line >= 0),
    record   BLOB NOT NULL CHECK (length(record) = 16),
    payload  BLOB NOT NULL,
    PRIMARY KEY (detector, key, claim, line)
) STRICT, WITHOUT ROWID;

-- A row for each version of a flag, told apart by its commitment; at most one
-- stands. A version that was withdrawn stays on record, with its place in the
-- log. `detector` is zero for findings of policies, whose `key` is the claim.
CREATE TABLE flag (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    flag       BLOB NOT NULL CHECK (length(flag) = 16),
    commitment BLOB NOT NULL UNIQUE CHECK (length(commitment) = 32),
    standing   INTEGER NOT NULL CHECK (standing IN (0, 1)),
    detector   INTEGER NOT NULL CHECK (detector >= 0),
    key        BLOB NOT NULL CHECK (length(key) = iif(detector = 0, 16, 32)),
    pattern    TEXT NOT NULL,
    score      INTEGER NOT NULL CHECK (score BETWEEN 0 AND 1000),
    first_seen INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    exposure   INTEGER NOT NULL,
    record     BLOB NOT NULL CHECK (length(record) = 16),
    payload    BLOB NOT NULL,
    leaf       INTEGER REFERENCES entry (leaf),
    slot       INTEGER CHECK (slot >= 0),
    CHECK ((leaf IS NULL) = (slot IS NULL))
) STRICT;

CREATE UNIQUE INDEX flag_standing ON flag (flag) WHERE standing = 1;
CREATE INDEX flag_by_group ON flag (detector, key) WHERE standing = 1;
CREATE INDEX flag_by_score ON flag (score DESC, last_seen DESC, flag) WHERE standing = 1;
CREATE INDEX flag_by_pattern ON flag (pattern, score DESC, last_seen DESC, flag)
    WHERE standing = 1;
CREATE INDEX flag_pending ON flag (id) WHERE standing = 1 AND leaf IS NULL;
CREATE UNIQUE INDEX flag_by_place ON flag (leaf, slot) WHERE leaf IS NOT NULL;

CREATE TABLE flag_claim (
    flag     INTEGER NOT NULL REFERENCES flag (id),
    position INTEGER NOT NULL,
    claim    BLOB NOT NULL CHECK (length(claim) = 16),
    PRIMARY KEY (flag, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX flag_claim_by_claim ON flag_claim (claim, flag);

CREATE TABLE flag_member (
    flag     INTEGER NOT NULL REFERENCES flag (id),
    position INTEGER NOT NULL,
    member   BLOB NOT NULL CHECK (length(member) = 32),
    PRIMARY KEY (flag, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX flag_member_by_member ON flag_member (member, flag);

CREATE TABLE flag_provider (
    flag     INTEGER NOT NULL REFERENCES flag (id),
    position INTEGER NOT NULL,
    provider BLOB NOT NULL CHECK (length(provider) = 32),
    PRIMARY KEY (flag, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX flag_provider_by_provider ON flag_provider (provider, flag);

-- ---- policies -----------------------------------------------------------------

CREATE TABLE component (
    hash  BLOB PRIMARY KEY CHECK (length(hash) = 32),
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE policy (
    id        INTEGER PRIMARY KEY,
    product   TEXT NOT NULL,
    effective INTEGER NOT NULL,
    hash      BLOB NOT NULL REFERENCES component (hash),
    entry     BLOB NOT NULL UNIQUE,
    leaf      INTEGER REFERENCES entry (leaf)
) STRICT;

-- ---- the log ------------------------------------------------------------------

-- What waits to be appended, in this order; an id is never given twice.
CREATE TABLE outbox (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    claim  BLOB REFERENCES outcome (claim),
    policy INTEGER REFERENCES policy (id),
    entry  BLOB NOT NULL,
    CHECK ((claim IS NULL) <> (policy IS NULL))
) STRICT;

CREATE TABLE entry (
    leaf  INTEGER PRIMARY KEY CHECK (leaf >= 0),
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE node (
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 63),
    place INTEGER NOT NULL CHECK (place >= 0),
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
    size        INTEGER PRIMARY KEY CHECK (size >= 0),
    adjudicated INTEGER NOT NULL CHECK (adjudicated BETWEEN 0 AND size),
    note        TEXT NOT NULL
) STRICT;

-- ---- audit --------------------------------------------------------------------

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;

-- ---- history is not rewritten -------------------------------------------------

CREATE TRIGGER audit_only_grows BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit trail only grows'); END;
CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit trail only grows'); END;
CREATE TRIGGER entry_only_grows BEFORE UPDATE ON entry
BEGIN SELECT raise(ABORT, 'the log only grows'); END;
CREATE TRIGGER entry_never_shrinks BEFORE DELETE ON entry
BEGIN SELECT raise(ABORT, 'the log only grows'); END;
CREATE TRIGGER node_only_grows BEFORE UPDATE ON node
BEGIN SELECT raise(ABORT, 'the log only grows'); END;
CREATE TRIGGER node_never_shrinks BEFORE DELETE ON node
BEGIN SELECT raise(ABORT, 'the log only grows'); END;
CREATE TRIGGER outcome_never_shrinks BEFORE DELETE ON outcome
BEGIN SELECT raise(ABORT, 'an outcome is never taken back'); END;
CREATE TRIGGER flag_never_shrinks BEFORE DELETE ON flag
BEGIN SELECT raise(ABORT, 'a flag is withdrawn, not deleted'); END;
