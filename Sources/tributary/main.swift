import Glibc

// A reader that goes away (`tributary inspect … | head`) ends our output, not the work: write(2) gives EPIPE.
signal(SIGPIPE, SIG_IGN)
exit(Program().run(Array(CommandLine.arguments.dropFirst())))
