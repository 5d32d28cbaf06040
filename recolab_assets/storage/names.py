"""Names and texts as SQL takes them, where nothing can be bound."""


def identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL, where nothing can be bound."""
    return "'" + text.replace("'", "''") + "'"


def qualified(schema: str, name: str) -> str:
    """Name a table for SQL."""
    return f"{identifier(schema)}.{identifier(name)}"
