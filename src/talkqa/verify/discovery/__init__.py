"""Mapping discovery: probes of a flow that documents no properties, and what may be concluded from them."""
