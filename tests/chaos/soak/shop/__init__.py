"""The app of the soak: agents whose every effect the sink has witnessed."""
