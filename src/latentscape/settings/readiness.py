"""The thresholds of the readiness checklist, as a file of the user's own may give them."""

from latentscape.settings.section import Section


class ReadinessConfig(Section):
    """One threshold for each line of the checklist, named like the score it judges; a line left out is not checked."""

    figures: float | None = None
    positive_mean: float | None = None
    negative_mean: float | None = None
    margin: float | None = None
    separation: float | None = None
    hit_at_1: float | None = None
    neighbor_recall: float | None = None
    heatmap_diagonal: float | None = None

    def thresholds(self) -> dict[str, float]:
        """Those that are given."""
        return {name: value for name, value in self.model_dump().items() if value is not None}
