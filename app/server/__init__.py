"""The server behind the page: models, pictures in memory, visitors, and who may do what."""
