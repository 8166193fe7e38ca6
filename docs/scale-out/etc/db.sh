#!/bin/bash
# Runs once, when the database is made: logins, and the right to replicate.
set -euo pipefail
password() { cat "/run/secrets/$1"; }
psql -v ON_ERROR_STOP=1 -U tally_admin -d tally \
    -v node="$(password node_password)" -v reader="$(password reader_password)" \
    -v replicator="$(password replicator_password)" <<'SQL'
CREATE ROLE node_1 LOGIN PASSWORD :'node';
CREATE ROLE reporting LOGIN PASSWORD :'reader';
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replicator';
SQL
echo 'host replication replicator samenet scram-sha-256' >>"$PGDATA/pg_hba.conf"
