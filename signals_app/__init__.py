"""The doorbell and the waiting room: waits, signals and approvals."""
