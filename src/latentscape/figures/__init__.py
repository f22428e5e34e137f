"""Findings -> matplotlib figures: they read no files and compute no number that a measure could return."""

from latentscape.figures.render import render_png as render_png
from latentscape.figures.style import Style as Style
from latentscape.figures.tables import EMBEDDINGS_FIGURES as EMBEDDINGS_FIGURES
from latentscape.figures.tables import LATENTS_FIGURES as LATENTS_FIGURES
from latentscape.figures.tables import MAP_FIGURES as MAP_FIGURES
