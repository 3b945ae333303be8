"""How the admin shows what is not a text, by language."""
