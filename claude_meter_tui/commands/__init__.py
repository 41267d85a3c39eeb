"""One file a command. Each knows the layers below it; none knows another command."""
