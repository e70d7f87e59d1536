"""Entry point of `python -m batchcancel`."""

from batchcancel.cli.main import program

if __name__ == "__main__":
    program()
