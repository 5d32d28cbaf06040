"""The assets: one module a group; each reads inputs, calls one room and returns a table."""
