"""What the engine costs and how soon it is back, measured on a real instance: `make figures` prints a line for each."""
