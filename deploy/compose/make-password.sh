#!/bin/bash
# Usage: make-password.sh FOLDER HOST:PORT:DATABASE:USER
# Writes a random password for PostgreSQL, unless it is there: `password` for the server
# (POSTGRES_PASSWORD_FILE, readable by the group) and `pgpass` for its clients (PGPASSFILE, readable by the owner
# alone, as clients require). An existing password is kept: the server stored it in its data on its first start.
set -euo pipefail
cd "$1"
if [ ! -s password ]; then
  umask 0227
  head -c 32 /dev/urandom | base64 | tr -d '=\n' | tr '+/' '-_' > password.new
  mv -f password.new password
fi
line="$2:$(cat password)"
if [ "$(cat pgpass 2> /dev/null || true)" != "$line" ]; then
  umask 0177
  printf '%s\n' "$line" > pgpass.new
  mv -f pgpass.new pgpass
fi
