"""Who did something, as one stored text: `user:3/approver`. The part before the slash is the identity."""

SYSTEM = "system"


def principal(kind: str, identity: object, name: str) -> str:
    """The text under which a person or process is recorded."""
    return f"{kind}:{identity}/{name}"


def same(one: str, other: str) -> bool:
    """Whether two recorded principals are the same one, whatever they were called at the time."""
    return one.split("/", 1)[0] == other.split("/", 1)[0]
