"""What a job was asked to do: every option, how its text is read, and who wins."""
