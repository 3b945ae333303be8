"""Stopping: one flag for a worker that was told to end. It opens nothing new; what runs is finished and recorded."""

import mmap

_flag = mmap.mmap(-1, 1)  # shared with the children that a prefork worker forks


def begin() -> None:
    """This worker, with the processes that it has forked, is to end."""
    _flag[0] = 1


def has_begun() -> bool:
    """Whether this worker is to end."""
    return bool(_flag[0])


def forget() -> None:
    """For tests."""
    _flag[0] = 0
