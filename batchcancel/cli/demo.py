"""batchcancel demo: the whole story in a minute, on the sample manifest and a real port."""

import click


@click.command(short_help="The whole story in a minute, against the sandbox.")
def demo() -> None:
    """Show the whole story in under a minute, on this machine alone.

    Plans a closure, interrupts its run half way, resumes it, and counts at the sandbox what was
    really sent. The clinic's minute is shortened to four seconds.

    \b
    Examples:
      1. The whole story:
         batchcancel demo
      2. Only what was proved:
         batchcancel demo 2>/dev/null | tail -n 6

    \b
    Exit codes: 0 everything was as promised, 1 something was not.
    """
    from batchcancel.cli.story import tell

    raise click.exceptions.Exit(0 if tell() else 1)
