"""What a server's serving tells of itself; metrics listen."""


class Listener:
    """Told of what happens; each method does nothing unless a subclass wants to know.

    They are called from any thread, must be quick and must raise nothing.
    """

    def passed(self, photos: int, ms: float) -> None:
        """Tell that so many photos shared a pass through the network, and its milliseconds."""

    def searched(self, searches: int, ms: float) -> None:
        """Tell that so many searches were answered together, and their milliseconds."""

    def refused(self) -> None:
        """Tell that a request found no place."""

    def left(self) -> None:
        """Tell that a client went away before its answer."""

    def took_over(self, model: str, index: str) -> None:
        """Tell that another pair serves from now on."""

    def not_taken_over(self, reason: str) -> None:
        """Tell that a published pair could not be loaded, and why."""
