"""Salesforce, emulated: its REST API, sign-in and query language over one system's store."""

from talkqa.sandbox.dialects.salesforce.emulator import SalesforceEmulator

__all__ = ["SalesforceEmulator"]
