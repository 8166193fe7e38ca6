#!/bin/sh
# Cookie and password from files; then what the image would run.
set -eu
install -o rabbitmq -g rabbitmq -m 0400 /run/secrets/cookie /var/lib/rabbitmq/.erlang.cookie
printf 'default_user = tally\ndefault_pass = %s\n' "$(cat /run/secrets/broker_password)" \
    >/etc/rabbitmq/conf.d/30-user.conf
exec docker-entrypoint.sh rabbitmq-server
