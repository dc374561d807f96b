"""`python -m services.cli` is `baton`."""

from services.cli.main import main

main()
