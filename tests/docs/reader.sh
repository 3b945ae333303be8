# What a reader does by himself while he types what the pages show. The first command that fails is the last.
set -eo pipefail

# What was shown last that looks like this.
seen() { grep -oP "$1" "$SCREEN" | tail -1; }

# An answer that is an error is no answer of a page.
curl() { command curl --fail-with-body --max-time 60 "$@"; }

# One worker is enough for him. He puts the id that `message` prints in place of JOB; until he has, the job stands still.
aetheris() {
    case $1 in
        up) command aetheris "$@" --workers 1 ;;
        message)
            command aetheris "$@"
            JOB=$(seen '^[Jj]ob +\K\S+')
            still
            ;;
        *) command aetheris "$@" ;;
    esac
}

still() {
    for _ in $(seq 200); do
        command sleep 0.3
        case $(shown_job | python -c 'import json, sys; print(json.load(sys.stdin)["status"])') in
            pending | running | retrying | "") ;;
            *) return 0 ;;
        esac
    done
    return 1
}

shown_job() {
    if [ "$ASK" ]; then curl -s "$URL/api/jobs/$JOB" -H "$ASK"; else command aetheris job "$JOB" --json; fi
}

sleep() { still; }

# What was printed when an instance started.
noted() {
    REQUESTER=$(seen 'requester / \K.+')
    APPROVER=$(seen 'approver / \K.+')
    ADDRESS=$(seen 'Aetheris runs: \K.+')
}

sent() {
    JOB=$(curl -s "$URL/api/agents/$1/message" -H "$ASK" -H "$JSON" -d "{\"message\": \"$2\"}" | field '["job_id"]')
    still
}

# A job that waits for an approval.
parked() {
    sent refund-agent "Refund order-123: it is broken"
    APPROVAL=$(curl -s "$URL/api/approvals?status=pending" -H "$DECIDE" | field '["approvals"][0]["id"]')
    QUESTION=$(curl -s "$URL/api/approvals?status=pending" -H "$DECIDE" | field '["approvals"][0]["correlation_key"]')
}

# A job with an effect in doubt. What was sent takes effect within a second, the tool's timeout, or never.
doubted() {
    sent payer "a bill"
    command sleep 1.1
}

# The environment that processes beside an instance take.
environed() {
    export AETHERIS_DATABASE_URL=$(of_instance database_url) AETHERIS_BROKER_URL=$(of_instance broker_url)
    export PATH="$PROGRAMS:$PATH"
}

of_instance() { python -c "from aetheris.services import read_instance; print(read_instance('.aetheris').$1)"; }

# Every kind of worker of docs/howto/run-workers.md is listed; then they are told to stop.
served() {
    for _ in $(seq 90); do
        listed && break
        command sleep 0.5
    done
    listed
    kill $(jobs -p)
    wait
}

listed() {
    curl -s $URL/api/workers -H "$ASK"
    for worker in '1,"queues":\["heavy"\]' '\["default","gpu"\]' '"prefork"'; do
        grep -q "$worker" "$SCREEN" || return 1
    done
}

# From now on the database is another one.
emptied() {
    psql --quiet --command 'CREATE DATABASE restored' "$AETHERIS_DATABASE_URL"
    AETHERIS_DATABASE_URL=${AETHERIS_DATABASE_URL/aetheris\?/restored?}
}

# `buy` says that it has begun, and does not end before somebody lets it: longer than a worker lives.
slowed() {
    sed -i -e '1i import time\nfrom pathlib import Path' shop/agents.py
    sed -i -e '/"""Buy one/a\    Path("begun").touch()' shop/agents.py
    sed -i -e '/Path("begun")/a\    while not Path("let").exists():\n        time.sleep(0.1)' shop/agents.py
}

begun() {
    for _ in $(seq 600); do
        [ -e begun ] && return 0
        command sleep 0.1
    done
    return 1
}
