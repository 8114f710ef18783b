"""Parts that the drawn samples share. Every machine draws the same bytes."""
