"""Bad inputs, one a row: what the command must say of each."""
