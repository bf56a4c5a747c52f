"""Exact Online, emulated: OData in verbose JSON, sync and bulk paths, rotating tokens, limits, and its odd manners."""
