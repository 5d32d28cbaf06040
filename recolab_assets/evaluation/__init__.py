"""Offline evaluation: splits, metrics, intervals, comparisons and guardrails."""
