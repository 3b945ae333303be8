"""What every driver measures with. Standard library only: it runs in each peer's own environment."""
