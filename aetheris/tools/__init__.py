"""How tools and functions are declared."""
