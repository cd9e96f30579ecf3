"""The Compare tab: the same pictures through several models."""
