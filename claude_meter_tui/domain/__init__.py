"""What it is all about, pure: windows, readings, accounts, money, urgency. No file, no network, no clock."""
