"""Evaluation: predictions, intervals, error analysis, comparisons, promotion."""
