"""The command line, called as a user calls it, without a second process."""
