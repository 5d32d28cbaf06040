"""Figures: rows in, Plotly figure out; nothing here reads a file or knows a page."""
