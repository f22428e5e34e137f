"""What the tool must survive, tried for real and counted; `make chaos` writes the figures into docs/reliability.md."""
