-- Statements: entries of the log that are of no adjudication, policy or batch of
-- flags. And the ledger that organisations share, as this node keeps it: written
-- from finalised blocks, served as tiles.

-- ---- statements ---------------------------------------------------------------

-- `kind` is the number of the entry's kind. Of those of one kind with one `once`
-- there is the first alone. `payload` opens the commitment in the entry.
CREATE TABLE statement (
    id      INTEGER PRIMARY KEY,
    kind    INTEGER NOT NULL CHECK (kind BETWEEN 6 AND 255),
    about   BLOB NOT NULL CHECK (length(about) BETWEEN 1 AND 32),
    once    BLOB CHECK (length(once) = 32),
    entry   BLOB NOT NULL,
    record  BLOB CHECK (length(record) = 16),
    payload BLOB,
    leaf    INTEGER REFERENCES entry (leaf),
    CHECK ((record IS NULL) = (payload IS NULL))
) STRICT;

CREATE UNIQUE INDEX statement_once ON statement (kind, once) WHERE once IS NOT NULL;
CREATE INDEX statement_by_about ON statement (about, id);
CREATE INDEX statement_by_kind ON statement (kind, id);

-- What waits to be appended is of a statement too: SQLite widens no check, so the
-- table is made anew. Its numbers go on where they were.
CREATE TABLE outbox_of_all (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    claim     BLOB REFERENCES outcome (claim),
    policy    INTEGER REFERENCES policy (id),
    statement INTEGER REFERENCES statement (id),
    entry     BLOB NOT NULL,
    revision  INTEGER,
    reversal  INTEGER NOT NULL DEFAULT 0 CHECK (reversal IN (0, 1)),
    CHECK ((claim IS NOT NULL) + (policy IS NOT NULL) + (statement IS NOT NULL) = 1)
) STRICT;

INSERT INTO sqlite_sequence (name, seq)
    SELECT 'outbox_of_all', seq FROM sqlite_sequence WHERE name = 'outbox';
INSERT INTO outbox_of_all (id, claim, policy, entry, revision, reversal)
    SELECT id, claim, policy, entry, revision, reversal FROM outbox ORDER BY id;
DROP TABLE outbox;
ALTER TABLE outbox_of_all RENAME TO outbox;

-- ---- the shared ledger --------------------------------------------------------

-- The one row that whoever appends must hold, with what there is in all. Before
-- there is a ledger its height is -1.
CREATE TABLE shared_head (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    height   INTEGER NOT NULL CHECK (height >= -1),
    block    BLOB NOT NULL CHECK (length(block) = iif(height < 0, 0, 32)),
    size     INTEGER NOT NULL CHECK (size >= 0),
    snapshot BLOB NOT NULL,
    entries  INTEGER NOT NULL CHECK (entries >= 0),
    agreed   INTEGER NOT NULL CHECK (agreed >= 0),
    disputed INTEGER NOT NULL CHECK (disputed >= 0)
) STRICT;

INSERT INTO shared_head (id, height, block, size, snapshot, entries, agreed, disputed)
    VALUES (1, -1, x'', 0, x'', 0, 0, 0);

-- `size` is that of the tree after it.
CREATE TABLE shared_block (
    height INTEGER PRIMARY KEY CHECK (height >= 0),
    block  BLOB NOT NULL CHECK (length(block) = 32),
    size   INTEGER NOT NULL CHECK (size >= 0)
) STRICT;

-- The leaves of a block that has any, each behind its length in two bytes.
CREATE TABLE shared_chunk (
    first INTEGER PRIMARY KEY CHECK (first >= 0),
    count INTEGER NOT NULL CHECK (count > 0),
    bytes BLOB NOT NULL CHECK (length(bytes) >= 2 * count)
) STRICT;

CREATE TABLE shared_tile (
    level  INTEGER NOT NULL CHECK (level BETWEEN 0 AND 7),
    place  INTEGER NOT NULL CHECK (place >= 0),
    hashes BLOB NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0),
    PRIMARY KEY (level, place)
) STRICT;

-- Entries first … first + count of an organisation's own log, from a leaf on.
CREATE TABLE shared_brought (
    organisation TEXT NOT NULL,
    first        INTEGER NOT NULL CHECK (first >= 0),
    count        INTEGER NOT NULL CHECK (count > 0),
    leaf         INTEGER NOT NULL CHECK (leaf >= 0),
    PRIMARY KEY (organisation, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE shared_checkpoint (
    size       INTEGER NOT NULL CHECK (size >= 0),
    epoch      INTEGER NOT NULL CHECK (epoch >= 0),
    hands_over INTEGER NOT NULL CHECK (hands_over IN (0, 1)),
    note       TEXT NOT NULL,
    PRIMARY KEY (size, epoch)
) STRICT;

CREATE INDEX shared_handover ON shared_checkpoint (epoch, size) WHERE hands_over = 1;

-- ---- history is not rewritten -------------------------------------------------

-- Its place in the log is added later, once; nothing else is.
CREATE TRIGGER statement_never_changes
BEFORE UPDATE OF id, kind, about, once, entry, record, payload ON statement
BEGIN SELECT raise(ABORT, 'a statement is never changed'); END;
CREATE TRIGGER statement_has_one_place BEFORE UPDATE OF leaf ON statement WHEN OLD.leaf IS NOT NULL
BEGIN SELECT raise(ABORT, 'a statement has one place'); END;
CREATE TRIGGER statement_never_shrinks BEFORE DELETE ON statement
BEGIN SELECT raise(ABORT, 'a statement is never taken back'); END;
CREATE TRIGGER shared_head_only_grows BEFORE UPDATE ON shared_head
WHEN NEW.height <> OLD.height + 1 OR NEW.size < OLD.size OR NEW.entries < OLD.entries
    OR NEW.agreed < OLD.agreed OR NEW.disputed < OLD.disputed
BEGIN SELECT raise(ABORT, 'the shared ledger only grows'); END;
CREATE TRIGGER shared_head_never_shrinks BEFORE DELETE ON shared_head
BEGIN SELECT raise(ABORT, 'the shared ledger only grows'); END;
CREATE TRIGGER shared_block_only_grows BEFORE UPDATE ON shared_block
BEGIN SELECT raise(ABORT, 'the shared ledger only grows'); END;
CREATE TRIGGER shared_block_never_shrinks BEFORE DELETE ON shared_block
BEGIN SELECT raise(ABORT, 'the shared ledger only grows'); END;
CREATE TRIGGER shared_chunk_only_grows BEFORE UPDATE ON shared_chunk
BEGIN SELECT raise(ABORT, 'the shared ledger only grows'); END;
CREATE TRIGGER shared_chunk_never_shrinks BEFORE DELETE ON shared_chunk
BEGIN SELECT raise(ABORT, 'the shared ledger only grows'); END;
CREATE TRIGGER shared_tile_only_grows BEFORE UPDATE ON shared_tile
WHEN NEW.level <> OLD.level OR NEW.place <> OLD.place
    OR substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes
BEGIN SELECT raise(ABORT, 'a tile only grows'); END;
CREATE TRIGGER shared_tile_never_shrinks BEFORE DELETE ON shared_tile
BEGIN SELECT raise(ABORT, 'a tile only grows'); END;
CREATE TRIGGER shared_brought_only_grows BEFORE UPDATE ON shared_brought
BEGIN SELECT raise(ABORT, 'the shared ledger only grows'); END;
CREATE TRIGGER shared_brought_never_shrinks BEFORE DELETE ON shared_brought
BEGIN SELECT raise(ABORT, 'the shared ledger only grows'); END;
-- With more signatures it takes the place of the one before.
CREATE TRIGGER shared_checkpoint_only_grows BEFORE UPDATE OF size, epoch ON shared_checkpoint
BEGIN SELECT raise(ABORT, 'a checkpoint is never taken back'); END;
CREATE TRIGGER shared_checkpoint_never_shrinks BEFORE DELETE ON shared_checkpoint
BEGIN SELECT raise(ABORT, 'a checkpoint is never taken back'); END;
