"""Findings as text: interactive maps, the report twice over, and the lines a terminal shows."""
