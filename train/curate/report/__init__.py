"""The report of a curation: one page that stands by itself."""
