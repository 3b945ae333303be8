#!/bin/sh
# Installs, from Debian, what `make test-ops` uses. Nothing that it installs is started.
set -eu
missing=""
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"; }
need promtool prometheus
need pgbouncer pgbouncer
need redis-server redis-server
need docker-compose docker-compose
[ -x /usr/lib/postgresql/15/bin/postgres ] || missing="$missing postgresql-15"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "make test-ops needs, once: sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
# Debian asks this script whether a service may be started.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
fi
apt-get update -qq
# shellcheck disable=SC2086  # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
