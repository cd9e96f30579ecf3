"""What has no place on the page: models, pictures in memory, visitors, and who may do what."""
