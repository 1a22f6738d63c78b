"""Building blocks that networks share; they are built in code and never named in a config."""
