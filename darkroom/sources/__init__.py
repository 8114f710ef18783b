"""Archives: where they are published, how they are downloaded, and the rendered sample."""
