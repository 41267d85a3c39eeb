"""One file a command. Each knows the layers below it; `compare` counts turns as `local` does."""
