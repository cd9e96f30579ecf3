"""The tour: six steps through the page."""
