"""RecoLab: an e-commerce recommendation lab kept as Dagster assets in one DuckDB file."""
