// Asks for a cache line that is going to be read and written, and does not wait for it. Reads nothing itself: any address
// may be asked for, and what is not there is not fetched.
#ifndef TRIBUTARY_PREFETCH_H
#define TRIBUTARY_PREFETCH_H

static inline void tributary_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

#endif
