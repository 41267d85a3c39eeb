"""What several commands need: times as given, what is known of an account, the ledger of transcripts."""
