"""What stands before the endpoints: how much a tenant may ask for, and who did what."""
