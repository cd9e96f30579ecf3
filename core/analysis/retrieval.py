"""The stable name of `core.collection.collection`, for programs that use this package; nothing in it imports this."""

from core.collection.collection import Added, Collection, Example, Hit, MatchedPart, Method, Query, Record

__all__ = ["Added", "Collection", "Example", "Hit", "MatchedPart", "Method", "Query", "Record"]
