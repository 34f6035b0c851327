"""stub"""

DOCUMENT: dict[str, object] = {}
