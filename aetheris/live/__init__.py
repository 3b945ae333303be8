"""News of jobs: a word on Redis after each commit, so that whoever waits looks at once. The database is the news."""
