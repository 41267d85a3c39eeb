"""Claude Code's transcripts → turns and their token sums, exactly as the field's reference counts them (FACTS §5).

`roots` finds the files, `rows` reads turns out of one, `index` keeps them and reads only what is new, `counting`
decides what counts once, `sums` adds up. None of them knows the server or the screen. Transcripts are only ever read.
"""
