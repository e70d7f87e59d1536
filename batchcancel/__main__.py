"""Entry point of `python -m batchcancel`."""

from batchcancel.cli.main import main

if __name__ == "__main__":
    main()
