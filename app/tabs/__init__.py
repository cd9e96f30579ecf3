"""What is where on the page, and which handler answers which control. Nothing is computed here."""
