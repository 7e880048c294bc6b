"""Waiting for what a page does after an event."""


def wait_until(page, expression, seconds=10):
    """Wait for an expression; the page's policy lets no function be made of it."""
    for _ in range(seconds * 20):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {expression}")


def stands_above(upper, lower):
    """Return the expression that `upper` ends where `lower` begins, or before it.

    Both are selectors. One expression, since the page may settle between two.
    """
    box = "document.querySelector('{}').getBoundingClientRect()"
    return f"{box.format(upper)}.bottom <= {box.format(lower)}.top"
