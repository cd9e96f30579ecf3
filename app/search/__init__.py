"""Retrieval in the app: the collections on this server, what visitors ask of them, and what they take away."""
