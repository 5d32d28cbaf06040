"""Where the raw tables come from: a synthetic shop whose truth is known, or a shop's own log."""
