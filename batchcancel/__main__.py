"""The command line's way in."""

from batchcancel.cli.main import main

if __name__ == "__main__":
    main()
