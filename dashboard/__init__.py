"""The lab's results in the browser: reads the DuckDB file, computes nothing of its own."""
