"""Studies of Python values: a module and its samples, a function and its texts; nothing needs to be a file."""
