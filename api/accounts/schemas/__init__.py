"""The shapes of what the accounts' routes take and answer."""
