"""Encoders that transformers and timm have: opened with their modules, from weights and descriptions, never by code."""
