"""Set-up of a checkout, and what writes pages of the docs."""
