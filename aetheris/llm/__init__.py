"""Models: one adapter a vendor, imported only when a node asks it something."""
