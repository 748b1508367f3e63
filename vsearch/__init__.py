"""Photos to classifier to embeddings; knows nothing of shops, indexes or HTTP."""
