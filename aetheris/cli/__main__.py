"""`python -m aetheris.cli`."""

from aetheris.cli import main

if __name__ == "__main__":
    main()
