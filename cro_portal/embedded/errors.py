"""What can go wrong with the embedded servers, as sentences a person can act on."""

from pathlib import Path


class EmbeddedServerError(RuntimeError):
    """Says in a sentence what is wrong with an embedded server, and what to do."""


def tail(log: Path, lines: int = 12) -> str:
    """Return the last `lines` of a log, or nothing when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 20_000))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def explain(what: str, output: str, folder: Path) -> EmbeddedServerError:
    """Turn a failed program's `output` into a sentence that says what to do."""
    if "No space left on device" in output:
        return EmbeddedServerError(
            f"The disk of {folder} is full, so {what}. Free some space there, or set "
            "CRO_VAR to a folder on another disk; then start again."
        )
    if "Read-only file system" in output or "Permission denied" in output:
        return EmbeddedServerError(
            f"{folder} cannot be written to, so {what}. Run as the user who owns it, "
            f"or set CRO_VAR to another folder.\n{output.strip()}"
        )
    if "could not map anonymous shared memory" in output:
        return EmbeddedServerError(
            f"There is too little memory, so {what}. Close something and start again."
        )
    return EmbeddedServerError(f"Something unexpected: {what}.\n{output.strip()}")
