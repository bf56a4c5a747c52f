"""The one point that all output passes: secrets are masked here."""
