"""`python -m tests.e2e.closed_replay AUTHORIZATION JOB…`: the REST answer to a replay of each job, told by a process in
which nothing outside can be reached. First comes how an attempt to is refused; PostgreSQL is reached by its library."""

import json
import socket
import sys

import django


def main(authorization: str, *jobs: str) -> None:
    django.setup()
    from django.test import Client

    from aetheris.core import contract

    client = Client(SERVER_NAME="localhost", headers={"Authorization": authorization})
    answers: list[object] = []
    with contract.closed("A replay"):
        try:
            socket.create_connection(("127.0.0.1", 9))
        except contract.ContractViolated as refused:
            answers.append(refused.message)
        answers += [client.get(f"/api/jobs/{job}/replay").json() for job in jobs]
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
