"""Building blocks shared by the networks; built in code, never named in a config."""
