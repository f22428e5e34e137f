"""A finished run folder -> files of other programs."""

from latentscape.exports.export import FORMATS, Exported, Format, export_run

__all__ = ["FORMATS", "Exported", "Format", "export_run"]
