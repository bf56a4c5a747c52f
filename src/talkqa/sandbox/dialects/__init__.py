"""The wire formats that emulated systems speak, one module each."""
