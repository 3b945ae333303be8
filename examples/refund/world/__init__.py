"""The demo's outside world: an order service, a payment provider and a model, each a process of its own.

They are doubles of what other people run, so nothing here imports `aetheris`, and each keeps a log of the
requests that reached it: what the runtime claims about its calls can be counted on the other side.
"""
