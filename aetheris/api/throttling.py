"""How many requests one caller may send, in each web process."""

from rest_framework.throttling import UserRateThrottle


class PerCaller(UserRateThrottle):
    """Counts a user's requests whatever token they come with, and an address's without one. A stream is one."""

    scope = "request"
