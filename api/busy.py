"""The answer of a server that has as much to do as it can."""

from api.problems import Kind, ProblemError

RETRY_SECONDS = 1  # a full queue is worked off in about as long


def busy(why: str) -> ProblemError:
    """Return 503 with Retry-After.

    Args:
        why: what happened, a sentence.
    """
    return ProblemError(
        503,
        Kind.BUSY,
        f"{why} The server has as much to do as it can: try again in a moment.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
