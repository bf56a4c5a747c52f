"""The GraphQL dialect of Wave, emulated."""
