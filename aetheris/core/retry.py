"""How often and how late doubt about a harmless or keyed call is tried again."""

MAX_TRIES = 3
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0


def delay_seconds(tries: int) -> float | None:
    """Seconds until the next try after `tries` tries (1, 2, …): exponential back-off; None when they are spent."""
    if tries >= MAX_TRIES:
        return None
    return min(FIRST_DELAY_SECONDS * 2.0 ** (tries - 1), LONGEST_DELAY_SECONDS)
