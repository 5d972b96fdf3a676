"""Every figure that README quotes, printed by a command and kept with its date."""
