"""How answers look on a terminal. Nothing here asks anything."""
