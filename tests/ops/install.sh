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
newer=/opt/aetheris-tests/pgbouncer
[ -x "$newer/run" ] || missing="$missing pgbouncer"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "make test-ops needs, once and as root: tests/ops/install.sh, which installs$missing" >&2
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
[ ! -x "$newer/run" ] || exit 0
# Prepared statements need PgBouncer 1.22, and Debian 12 has 1.18. That of Debian 13 is unpacked beside it, with the
# libraries that it was built for; nothing of the system changes.
apt=$(mktemp -d)
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$newer"
mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^bookworm //p' | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" > "$apt/sources.list"
cat > "$apt/apt.conf" <<EOF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
EOF
export APT_CONFIG="$apt/apt.conf"
apt-get update -qq
cd "$apt"
for package in pgbouncer libc6 libcares2 libevent-2.1-7t64 libpam0g libssl3t64 libsystemd0 libaudit1 libcap2 \
    libcap-ng0 libgcc-s1 libzstd1 zlib1g; do
    apt-get download -qq "$package/trixie"
    dpkg-deb -x "$package"_*.deb "$newer"
done
libraries="$newer/usr/lib/x86_64-linux-gnu"
cat > "$newer/run" <<EOF
#!/bin/sh
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$newer/usr/sbin/pgbouncer" "\$@"
EOF
chmod 755 "$newer/run"
rm -rf "$apt"
