"""How Django's own fields show a moment: as `aetheris.admin_base.moment` does."""

DATETIME_FORMAT = "Y-m-d H:i:s T"
