#!/bin/bash
# A copy of the primary, made once; then it follows.
set -euo pipefail
PGDATA=/var/lib/postgresql/data
PGPASSWORD=$(cat /run/secrets/replicator_password)
export PGPASSWORD
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    install -d -o postgres -g postgres -m 0700 "$PGDATA"
    gosu postgres pg_basebackup -D "$PGDATA" -X stream -c fast -C -S standby -R \
        -d 'host=db user=replicator application_name=standby'
fi
# It takes its password from the environment.
exec gosu postgres postgres -D "$PGDATA" -c max_connections=300 -c hot_standby=on
