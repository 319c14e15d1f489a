"""Input from people who mean no good, or whose programs went wrong: nothing of it may do harm."""
